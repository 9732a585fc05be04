/** A project, as the api lists it. */
export interface Project {
  readonly id: string;
  readonly name: string;
}

/** A change that the platform saved for later: it shows at once, and as pending until it is made. */
export interface Pending {
  /** Its Idempotency-Key. */
  readonly key: string;
  /** Of which project it is the new name; undefined for a new project. */
  readonly project?: string;
  readonly name: string;
  /** Where its state is to be asked for. */
  readonly status: string;
}

/** A line of the project list. */
export interface Row {
  readonly key: string;
  readonly name: string;
  readonly pending: boolean;
  /** Undefined for a project that is not made yet. */
  readonly id?: string;
}

/** The list as it will be: pending changes, in their order, on top of what is. */
export function shown(projects: readonly Project[], pending: readonly Pending[]): Row[] {
  const renamed = new Map(pending.flatMap(({ project, name }) => (project === undefined ? [] : [[project, name]])));
  return [
    ...projects.map(({ id, name }) => ({ key: id, id, name: renamed.get(id) ?? name, pending: renamed.has(id) })),
    ...pending.flatMap(({ key, project, name }) => (project === undefined ? [{ key, name, pending: true }] : [])),
  ];
}

/** What became of a pending change, by the state that the platform tells. */
export type Fate = "waiting" | "made" | "failed";

/** `state` undefined: the platform does not know it (any more). A state that this page does not know is waited for. */
export function fate(state: string | undefined): Fate {
  switch (state) {
    case "Applied":
      return "made";
    case "DeadLetter":
    case "Dropped":
    case undefined:
      return "failed";
    default:
      return "waiting";
  }
}

/** What was kept over a reload; whatever is none of ours is left out. */
export function readPending(text: string | null): Pending[] {
  try {
    const kept: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(kept) ? kept.filter(isPending) : [];
  } catch {
    return [];
  }
}

function isPending(value: unknown): value is Pending {
  const { key, name, status, project } = (value ?? {}) as Record<string, unknown>;
  return (
    [key, name, status].every((text) => typeof text === "string") &&
    (project === undefined || typeof project === "string")
  );
}
