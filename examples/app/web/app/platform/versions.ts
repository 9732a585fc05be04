/** A version of a project, as the api lists it. */
export interface Version {
  readonly id: string;
  readonly message: string;
  /** Null while its file is not there. */
  readonly uploaded_at: string | null;
  /** Null where nobody has read it from the file. */
  readonly session: { readonly tempo: number | null; readonly tracks: readonly unknown[] } | null;
}

/** What is known of a version, in words. */
export function told({ message, uploaded_at, session }: Version): string {
  if (uploaded_at === null) return `${message}: its file is on its way`;
  if (session === null) return `${message}: stored, without tempo and tracks`;
  const tracks = `${session.tracks.length} ${session.tracks.length === 1 ? "track" : "tracks"}`;
  return `${message}: ${session.tempo === null ? "" : `${session.tempo} BPM, `}${tracks}`;
}
