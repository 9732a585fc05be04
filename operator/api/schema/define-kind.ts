import type { z } from "zod";
import type { ResourceKind } from "../../runtime/objects.ts";
import type { CelRule } from "../primitives.ts";
import { structuralSchema } from "./structural.ts";

/** One column of kubectl get. Priority 1: only with -o wide. */
export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  readonly jsonPath: string;
  readonly description: string;
  readonly priority?: number;
}

/** What makes a kind: everything that its CRD and its reference page are generated from. */
export interface KindOptions {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  /** Rules over the whole object, metadata.name included. */
  readonly rules?: readonly CelRule[];
  readonly columns: readonly Column[];
}

/** A kind of ours. */
export interface KindDefinition extends KindOptions {
  readonly resource: ResourceKind;
  /** The CustomResourceDefinition, as it is applied. */
  readonly crd: Record<string, unknown>;
}

/**
 * A namespaced kind with a status subresource.
 * @throws Error naming the path of a construct that a structural schema cannot say.
 */
export function defineKind(options: KindOptions): KindDefinition {
  const { group, version, kind, plural } = options;
  return {
    ...options,
    resource: { apiVersion: `${group}/${version}`, kind, plural },
    crd: {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        names: {
          kind,
          listKind: `${kind}List`,
          plural,
          singular: kind.toLowerCase(),
          shortNames: [...options.shortNames],
          categories: [...options.categories],
        },
        scope: "Namespaced",
        versions: [
          {
            name: version,
            served: true,
            storage: true,
            subresources: { status: {} },
            additionalPrinterColumns: options.columns.map((column) => ({ ...column })),
            schema: {
              openAPIV3Schema: {
                type: "object",
                description: options.description,
                required: ["spec"],
                ...(options.rules ? { "x-kubernetes-validations": options.rules.map((rule) => ({ ...rule })) } : {}),
                properties: {
                  apiVersion: { type: "string", description: "Version of the schema of this object." },
                  kind: { type: "string", description: "The kind of this object." },
                  metadata: { type: "object" },
                  spec: structuralSchema(options.spec, "spec"),
                  status: structuralSchema(options.status, "status"),
                },
              },
            },
          },
        ],
      },
    },
  };
}
