/**
 * Every header whose name begins with X-StemHub. What a client says under one of these names never reaches a component, and
 * what a component says under one never reaches a client: the gateway alone speaks here.
 */
export const headers = {
  /** On each answer of the gateway that knows a mode: that of the whole. */
  mode: "X-StemHub-Mode",
  /** Beside it: the mode document's epoch. */
  epoch: "X-StemHub-Mode-Epoch",
  /** Where not all is Normal: `database=ReadOnly, storage=Degraded`. */
  capabilities: "X-StemHub-Capabilities",
  /** `true` on an answer by a route's fallback. */
  fallback: "X-StemHub-Fallback",
  /** Of a component, with status 503: `read-only` says that the database took no write (SQLSTATE 25006). */
  error: "X-StemHub-Error",
  /** The request that a queue is given to keep: its method, path with query, aggregate, author and component. */
  method: "X-StemHub-Method",
  uri: "X-StemHub-Uri",
  aggregate: "X-StemHub-Aggregate",
  claims: "X-StemHub-Claims",
  component: "X-StemHub-Component",
  /** Of the queue: `pass` says that nothing of this aggregate waits. */
  queue: "X-StemHub-Queue",
  /** Of the queue to a component: that it has kept this write, signed. */
  assertion: "X-StemHub-Assertion",
  /** Reserved. */
  user: "X-StemHub-User",
} as const;
