import { z } from "zod";

/**
 * What the write queue is told by the operator: the ConfigMap NAME-queue, key `queue.json`, mounted into its pods. Another
 * content is another pod template, so that a process never sees it change.
 */
export const queueConfigurationSchema = z.object({
  stemhub: z.string().min(1).max(63),
  namespace: z.string().min(1).max(63),
  /** Common names of the client certificates that are let in: who may queue writes, and who may read the summary. */
  clients: z.object({ gateway: z.string(), operator: z.string() }),
  /** Where each component is reached: http://HOST:PORT. */
  components: z.record(z.string(), z.url()),
  /** The routes with `writes: Queue`. The longest prefix of a component's that fits a path wins. */
  routes: z.array(z.object({ path: z.string(), component: z.string(), idempotency: z.enum(["key", "none"]) })).max(64),
  limits: z.object({
    /** Of one write's body. */
    bodyBytes: z.int().min(1),
    /** Writes that wait, dead letters included. */
    count: z.int().min(1),
    /** Older ones become dead letters, and what was applied is remembered for so long. */
    ageMs: z.int().min(1_000),
    /** Bytes in the store from which on nothing is taken any more. The rest is for marks of what is there already. */
    storeBytes: z.int().min(1),
  }),
  nats: z.object({
    servers: z.array(z.string()).min(1).max(3),
    /** Copies that the store keeps of each write. */
    replicas: z.union([z.literal(1), z.literal(3)]),
    /** What the store may hold at most: the stream's own bound, above limits.storeBytes. */
    maxBytes: z.int().min(1),
  }),
});

/** What the write queue is told. */
export type QueueConfiguration = z.output<typeof queueConfigurationSchema>;

/** Keys of what is mounted: the configuration, the data keys, the key that signs assertions, its public half. */
export const queueFiles = {
  configuration: "queue.json",
  /** {"current": ID, "keys": {ID: 32 bytes in base64}}: the current one encrypts, each decrypts. */
  dataKeys: "keys.json",
  /** An Ed25519 private key, PKCS #8 in PEM. */
  signingKey: "signing-key.pem",
  /** RFC 7517: what apps verify assertions with. */
  publicKeys: "jwks.json",
} as const;

/** What the queue tells the operator at GET /v1/summary. */
export const queueSummarySchema = z.object({
  /** Writes that wait or are being sent. */
  queued: z.int().min(0),
  /** Aggregates among these. */
  aggregates: z.int().min(0),
  /** Of the queued: sent, and not answered yet. */
  inFlight: z.int().min(0),
  /** Writes that a person has to look at. They are not among the queued. */
  deadLetters: z.int().min(0),
  /** Age of the oldest queued write; 0 when there is none. */
  oldestSeconds: z.number().min(0),
});

/** What the queue tells the operator. */
export type QueueSummary = z.output<typeof queueSummarySchema>;
