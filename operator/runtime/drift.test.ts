import { describe, expect, test } from "vitest";
import { findDrift } from "./drift.ts";
import type { KubeObject } from "./objects.ts";
import { sameQuantity } from "./quantity.ts";

const fieldsV1 = {
  "f:metadata": { "f:labels": { "f:app": {} } },
  "f:spec": {
    "f:replicas": {},
    "f:paused": {},
    "f:finalizers": { 'v:"ours"': {} },
    "f:tolerations": {},
    "f:template": {
      "f:spec": {
        "f:containers": {
          'k:{"name":"api"}': {
            ".": {},
            "f:name": {},
            "f:image": {},
            "f:args": {},
            "f:ports": {
              'k:{"containerPort":53,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} },
              'k:{"containerPort":53,"protocol":"UDP"}': { ".": {}, "f:containerPort": {}, "f:protocol": {} },
            },
            "f:resources": { "f:requests": { "f:cpu": {}, "f:memory": {} } },
            "f:env": { 'k:{"name":"A"}': { ".": {}, "f:name": {}, "f:value": {} } },
          },
        },
        "f:volumes": { 'k:{"name":"t"}': { ".": {}, "f:name": {}, "f:emptyDir": {} } },
      },
    },
  },
};

const spec = (api: object = {}, more: object = {}) => ({
  replicas: 2,
  finalizers: ["ours"],
  tolerations: [{ key: "a", operator: "Exists" }],
  template: {
    spec: {
      containers: [
        {
          name: "api",
          image: "x:1",
          args: ["--a", "--b"],
          ports: [{ containerPort: 53 }, { containerPort: 53, protocol: "UDP" }],
          resources: { requests: { cpu: "0.5", memory: "1024Mi" } },
          env: [{ name: "A", value: "1" }],
          ...api,
        },
      ],
      volumes: [{ name: "t", emptyDir: {} }],
    },
  },
  ...more,
});

/** As the API server shows it: canonical quantities, defaults filled in, others' fields beside ours. */
const liveSpec = (api: object = {}, more: object = {}) => {
  const live = spec(
    {
      ports: [
        { containerPort: 53, protocol: "TCP" },
        { containerPort: 53, protocol: "UDP" },
      ],
      resources: { requests: { cpu: "500m", memory: "1Gi" } },
      imagePullPolicy: "IfNotPresent",
      env: [
        { name: "INJECTED", value: "x" },
        { name: "A", value: "1" },
      ],
      ...api,
    },
    { finalizers: ["theirs", "ours"], tolerations: [{ key: "a", operator: "Exists", tolerationSeconds: 5 }], ...more },
  );
  live.template.spec.containers.unshift({ name: "sidecar", image: "s" } as never);
  return live;
};

const object = (body: object, labels = { app: "x" }): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "api", namespace: "ns", labels },
  spec: body,
});

const live = (body: object, labels?: { app: string }, fields: unknown = fieldsV1): KubeObject => {
  const managedFields = [{ manager: "operator", operation: "Apply", fieldsV1: fields as Record<string, unknown> }];
  const { metadata, ...rest } = object(body, labels);
  return { ...rest, metadata: { ...metadata, managedFields } };
};

const container = "spec.template.spec.containers[name=api]";

describe("no drift", () => {
  test.each([
    ["defaults, canonical quantities and others' items", object(spec()), live(liveSpec())],
    ["a label that somebody added", object(spec()), live(liveSpec(), { app: "x", other: "y" } as never)],
    [
      "a zero value that the server leaves out",
      object(spec({ stdin: false, command: [] }, { minReadySeconds: 0 })),
      live(liveSpec()),
    ],
    [
      "undefined and null, which apply leaves out",
      object(spec({}, { strategy: undefined, x: null })),
      live(liveSpec()),
    ],
    ["the status, which is not applied here", { ...object(spec()), status: { ready: 1 } }, live(liveSpec())],
  ])("%s", (_given, desired, there) => {
    expect(findDrift(desired, there, "operator")).toBeUndefined();
  });
});

describe("drift", () => {
  test.each([
    ["a scalar that was changed", object(spec()), live(liveSpec({}, { replicas: 3 })), "spec.replicas"],
    ["a label that was changed", object(spec()), live(liveSpec(), { app: "y" }), "metadata.labels.app"],
    ["an image", object(spec()), live(liveSpec({ image: "x:2" })), `${container}.image`],
    [
      "an argument more in a list that is replaced whole",
      object(spec()),
      live(liveSpec({ args: ["--a", "--b", "--c"] })),
      `${container}.args`,
    ],
    [
      "a quantity",
      object(spec()),
      live(liveSpec({ resources: { requests: { cpu: "501m", memory: "1Gi" } } })),
      `${container}.resources.requests.cpu`,
    ],
    [
      "an env value that only looks like a quantity",
      object(spec()),
      live(liveSpec({ env: [{ name: "A", value: "1000m" }] })),
      `${container}.env[name=A].value`,
    ],
    ["an item that is gone", object(spec()), live(liveSpec({ env: [] })), `${container}.env[name=A]`],
    [
      "a member of a set that is gone",
      object(spec()),
      live(liveSpec({}, { finalizers: ["theirs"] })),
      "spec.finalizers[ours]",
    ],
    [
      "a zero value that somebody set",
      object(spec({}, { paused: false })),
      live(liveSpec({}, { paused: true })),
      "spec.paused",
    ],
    [
      "a field that is not ours any more, though equal",
      object(spec({}, { suspend: true })),
      live(liveSpec({}, { suspend: true })),
      "spec.suspend",
    ],
  ])("%s", (_given, desired, there, path) => {
    expect(findDrift(desired, there, "operator")).toBe(path);
  });

  test("everything, when nothing was applied by us", () => {
    expect(findDrift(object(spec()), live(liveSpec()), "another")).toBe("metadata.managedFields");
  });
});

test.each([
  ["1000m", "1", true],
  [1, "1", true],
  ["0.5", "500m", true],
  ["1024Mi", "1Gi", true],
  ["1e3", "1k", true],
  ["1G", "1Gi", false],
  ["100m", "0.1001", false],
  ["abc", "abc", false],
])("quantities %s and %s are the same: %s", (a, b, same) => {
  expect(sameQuantity(a, b)).toBe(same);
});
