import type { ModeDocument } from "../../../operator/api/mode-document.ts";

/** What users read: a sentence for each thing that does not work, none twice. Empty when all works. */
export function sentencesOf({ capabilities }: ModeDocument): string[] {
  const messages = Object.values(capabilities)
    .filter(({ mode }) => mode !== "Normal")
    .map(({ message }) => message);
  return [...new Set(messages)].filter((message) => message !== "");
}
