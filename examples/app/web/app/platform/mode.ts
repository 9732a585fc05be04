/** What works now, as far as this page reads it: docs/modes.md. */
export interface ModeDocument {
  readonly epoch: number;
  readonly mode: string;
  readonly capabilities: Readonly<Record<string, { readonly mode: string; readonly message: string }>>;
}

/** The one that counts: an older epoch than one that was seen is stale. */
export function newer(seen: ModeDocument | undefined, told: ModeDocument): ModeDocument {
  return seen && seen.epoch > told.epoch ? seen : told;
}

/** What users are told: a sentence for each thing that does not work, none twice. Empty when all works. */
export function sentences(document: ModeDocument | undefined): string[] {
  const messages = Object.values(document?.capabilities ?? {})
    .filter(({ mode }) => mode !== "Normal")
    .map(({ message }) => message);
  return [...new Set(messages)].filter((message) => message !== "");
}

/** Whether something works; true while nothing is known. */
export function works(document: ModeDocument | undefined, capability: string): boolean {
  return (document?.capabilities[capability]?.mode ?? "Normal") === "Normal";
}

const events = "/.well-known/stemhub/mode/events";
const again = 5_000;

/** Tells each new document until the signal ends it. Without a gateway nothing is told. */
export function followMode(tell: (document: ModeDocument) => void, signal: AbortSignal): void {
  if (signal.aborted) return;
  const source = new EventSource(events);
  source.addEventListener("mode", (event) => tell(JSON.parse(event.data) as ModeDocument));
  source.addEventListener("error", () => {
    // After a lost connection it comes again by itself; after an answer that is no stream it gives up.
    if (source.readyState !== EventSource.CLOSED) return;
    const timer = setTimeout(() => followMode(tell, signal), again);
    signal.addEventListener("abort", () => clearTimeout(timer));
  });
  signal.addEventListener("abort", () => source.close());
}
