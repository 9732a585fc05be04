import { parseStemHub, type StemHub } from "../api/stemhub.ts";

/** A spec as a person would write it, before defaults. */
type WrittenSpec = Record<string, unknown>;

/**
 * A StemHub as the API server would hand it to the operator: defaults filled in, with a uid and a first generation.
 * `spec` is laid over a small valid one, section by section.
 */
export function aStemHub(spec: WrittenSpec = {}, metadata: Partial<StemHub["metadata"]> = {}): StemHub {
  return parseStemHub({
    apiVersion: "stemhub.dev/v1alpha1",
    kind: "StemHub",
    metadata: { name: "studio", namespace: "music", uid: "uid-studio", generation: 1, ...metadata },
    spec: {
      release: { version: "1.0.0", images: { api: "registry.example/api:1.0.0" } },
      database: {},
      components: { api: {} },
      gateway: {},
      ...spec,
    },
  });
}
