import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../../operator/runtime/objects.ts";
import { claimChanged, claimsOf, decideDisks, provisioner, volumeOf } from "./decide.ts";

/** A claim of 512Mi as Kubernetes has it when its first pod has been placed on n2; what the test says is laid over it. */
function aClaim(facts: { uid?: string; size?: string; capacity?: string; bound?: true; annotations?: object } = {}) {
  const { uid = "u1", size = "512Mi", capacity, bound } = facts;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: "data",
      namespace: "music",
      uid,
      annotations: {
        "volume.kubernetes.io/storage-provisioner": provisioner,
        "volume.kubernetes.io/selected-node": "n2",
        ...facts.annotations,
      },
    },
    spec: {
      storageClassName: "local-disk",
      resources: { requests: { storage: size } },
      ...(bound ? { volumeName: `pvc-${uid}` } : {}),
    },
    ...(capacity ? { status: { capacity: { storage: capacity } } } : {}),
  } satisfies KubeObject;
}

const disk = { name: "pvc-u1", node: "n2", bytes: 512 * 2 ** 20 };
const volume = volumeOf(disk, aClaim(), "/disks/pvc-u1/mount");
const released = { ...volume, status: { phase: "Released" } };

test("a volume is tied to its node, has the claim's size, and leads back to the claim", () => {
  expect(volume.spec).toMatchObject({ capacity: { storage: "512Mi" }, storageClassName: "local-disk" });
  expect(decideDisks(aClaim(), [volume])).toEqual([{ step: "keep", disk }]);
  expect(claimsOf(volume)).toEqual([{ namespace: "music", name: "data" }]);
});

test("a volume of another provisioner is nobody's here", () => {
  const annotations = { "pv.kubernetes.io/provisioned-by": "rancher.io/local-path" };
  expect(claimsOf({ ...volume, metadata: { ...volume.metadata, annotations } })).toEqual([]);
});

describe("a disk is made", () => {
  test("when a node has been chosen for the claim's first pod", () => {
    expect(decideDisks(aClaim(), [])).toMatchObject([{ step: "make", disk }]);
  });

  test.each([
    ["no pod has been placed", aClaim({ annotations: { "volume.kubernetes.io/selected-node": undefined } })],
    ["the class is another's", aClaim({ annotations: { "volume.kubernetes.io/storage-provisioner": "another" } })],
    ["the claim is bound to a volume of somebody else", aClaim({ bound: true })],
    ["the claim is gone", undefined],
  ])("but not when %s", (_, claim) => {
    expect(decideDisks(claim, [])).toEqual([]);
  });

  test("also beside the disk of a former claim of that name", () => {
    const steps = decideDisks(aClaim({ uid: "u2" }), [released]);
    expect(steps).toMatchObject([
      { step: "remove", disk },
      { step: "make", disk: { name: "pvc-u2" } },
    ]);
  });
});

describe("a disk grows", () => {
  const grown = { ...disk, bytes: 768 * 2 ** 20 };

  test("when its bound claim asks for more", () => {
    const claim = aClaim({ size: "768Mi", capacity: "512Mi", bound: true });
    expect(decideDisks(claim, [volume])).toMatchObject([{ step: "grow", disk: grown }]);
  });

  test("and the claim is told so, should the program have ended in between", () => {
    const claim = aClaim({ size: "768Mi", capacity: "512Mi", bound: true });
    expect(decideDisks(claim, [volumeOf(grown, claim, "")])).toMatchObject([{ step: "grow", disk: grown }]);
  });

  test("but not when all is said, nor before it is bound", () => {
    const claim = aClaim({ size: "768Mi", capacity: "768Mi", bound: true });
    expect(decideDisks(claim, [volumeOf(grown, claim, "")])).toEqual([{ step: "keep", disk: grown }]);
    expect(decideDisks(aClaim({ size: "768Mi" }), [volume])).toEqual([{ step: "keep", disk }]);
  });

  test("a claim that asks for more is worth a look, and one whose status alone changes is not", () => {
    expect(claimChanged(aClaim(), aClaim({ size: "768Mi" }))).toBe(true);
    expect(claimChanged(aClaim(), aClaim({ capacity: "512Mi" }))).toBe(false);
  });
});

describe("a disk is removed", () => {
  test("when its claim is gone and Kubernetes has released it", () => {
    expect(decideDisks(undefined, [released])).toEqual([{ step: "remove", disk }]);
  });

  test("and not while a pod may still write to it", () => {
    expect(decideDisks(undefined, [{ ...volume, status: { phase: "Bound" } }])).toEqual([]);
  });
});
