import { stemhubDefinition } from "./stemhub.ts";

/** The kind StemHub, as the API server addresses it. */
export const stemhubKind = stemhubDefinition.resource;

/** Every kind of ours: what `npm run generate` makes CRDs and reference pages of. */
export const definitions = [stemhubDefinition] as const;
