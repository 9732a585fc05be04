import type { Key, KubeObject, ResourceKind } from "../../../../operator/runtime/objects.ts";
import { parseQuantity } from "../../../../operator/runtime/quantity.ts";

/** What the StorageClass names, and what a claim and a volume are told apart by. */
export const provisioner = "stemhub.dev/local-disk";

/** The kinds that are watched and written. */
export const claimKind: ResourceKind = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
};
export const volumeKind: ResourceKind = { apiVersion: "v1", kind: "PersistentVolume", plural: "persistentvolumes" };

/** A disk: an image file on a node, with a filesystem in it that is mounted for the pods of that node. */
export interface Disk {
  /** The volume's name in Kubernetes, of its claim's uid: no two incarnations of a claim share a disk. */
  readonly name: string;
  readonly node: string;
  readonly bytes: number;
}

/** What is to be done about one claim and the volumes that were made for it. Each is safe to repeat. */
export type DiskStep =
  | { readonly step: "make"; readonly disk: Disk; readonly claim: KubeObject }
  | { readonly step: "grow"; readonly disk: Disk; readonly claim: KubeObject }
  /** It is as it should be, and is mounted again should the machine have been restarted. */
  | { readonly step: "keep"; readonly disk: Disk }
  | { readonly step: "remove"; readonly disk: Disk };

/**
 * Decides by the claim, as it is now or no more, and the volumes of this provisioner that were made for its name. What a
 * former claim of that name left behind is removed when Kubernetes has released it: its pods have ended by then.
 */
export function decideDisks(claim: KubeObject | undefined, volumes: readonly KubeObject[]): DiskStep[] {
  const steps = volumes.flatMap((volume): DiskStep[] => {
    const disk = diskOf(volume);
    const { claimRef } = specOf(volume);
    if (claim && claim.metadata.uid === claimRef?.uid) {
      const bytes = wantedBytes(claim);
      const grows = isBound(claim) && (bytes > disk.bytes || bytes > capacityBytes(claim));
      return [grows ? { step: "grow", disk: { ...disk, bytes }, claim } : { step: "keep", disk }];
    }
    return (volume.status as { phase?: string } | undefined)?.phase === "Released" ? [{ step: "remove", disk }] : [];
  });
  const made = volumes.some((volume) => specOf(volume).claimRef?.uid === claim?.metadata.uid);
  const node = claim?.metadata.annotations?.["volume.kubernetes.io/selected-node"];
  if (claim && !made && !isBound(claim) && isOurs(claim) && node && !claim.metadata.deletionTimestamp) {
    steps.push({ step: "make", disk: { name: `pvc-${claim.metadata.uid}`, node, bytes: wantedBytes(claim) }, claim });
  }
  return steps;
}

/** The volume of a disk that has been made, for its claim. Kubernetes binds the two. */
export function volumeOf(disk: Disk, claim: KubeObject, path: string): KubeObject {
  const { storageClassName } = claimSpec(claim);
  const { name, namespace, uid } = claim.metadata;
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: disk.name, annotations: { "pv.kubernetes.io/provisioned-by": provisioner } },
    spec: {
      capacity: capacityOf(claim),
      accessModes: ["ReadWriteOnce"],
      volumeMode: "Filesystem",
      persistentVolumeReclaimPolicy: "Delete",
      storageClassName,
      claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", name, namespace, uid },
      local: { path },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [disk.node] }] },
          ],
        },
      },
    },
  };
}

/** What a disk of the claim's size holds, as Kubernetes writes it. */
export function capacityOf(claim: KubeObject): { readonly storage: string | undefined } {
  return { storage: claimSpec(claim).resources?.requests?.storage };
}

/** The claim that a volume was made for, if it is one of this provisioner's. */
export function claimsOf({ metadata, ...volume }: KubeObject): readonly Key[] {
  if (metadata.annotations?.["pv.kubernetes.io/provisioned-by"] !== provisioner) return [];
  const { claimRef } = volume.spec as VolumeSpec;
  return claimRef ? [{ namespace: claimRef.namespace, name: claimRef.name }] : [];
}

/** Whether a change of a claim is worth a look. Claims have no generation, and their status is ours to write. */
export function claimChanged(old: KubeObject, claim: KubeObject): boolean {
  const facts = ({ metadata, spec }: KubeObject) => JSON.stringify([metadata.uid, metadata.annotations, spec]);
  return facts(old) !== facts(claim);
}

function diskOf(volume: KubeObject): Disk {
  const { capacity, nodeAffinity } = specOf(volume);
  const node = nodeAffinity?.required.nodeSelectorTerms[0]?.matchExpressions[0]?.values[0] ?? "";
  return { name: volume.metadata.name, node, bytes: parseQuantity(capacity?.storage) ?? 0 };
}

/** Kubernetes writes the class's provisioner here when it wants a volume made. */
function isOurs({ metadata }: KubeObject): boolean {
  return metadata.annotations?.["volume.kubernetes.io/storage-provisioner"] === provisioner;
}

function isBound(claim: KubeObject): boolean {
  return claimSpec(claim).volumeName !== undefined;
}

function wantedBytes(claim: KubeObject): number {
  return parseQuantity(capacityOf(claim).storage) ?? 0;
}

/** Of one that is not bound yet: what it will be bound with, so that nothing seems to be left to do. */
function capacityBytes({ status }: KubeObject): number {
  const storage = (status as { capacity?: { storage?: string } } | undefined)?.capacity?.storage;
  return parseQuantity(storage) ?? Number.POSITIVE_INFINITY;
}

interface ClaimSpec {
  readonly storageClassName?: string;
  readonly volumeName?: string;
  readonly resources?: { readonly requests?: { readonly storage?: string } };
}

function claimSpec(claim: KubeObject): ClaimSpec {
  return claim.spec as ClaimSpec;
}

interface VolumeSpec {
  readonly capacity?: { readonly storage?: string };
  readonly claimRef?: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly nodeAffinity?: {
    readonly required: {
      readonly nodeSelectorTerms: readonly {
        readonly matchExpressions: readonly { readonly values: readonly string[] }[];
      }[];
    };
  };
}

function specOf(volume: KubeObject): VolumeSpec {
  return volume.spec as VolumeSpec;
}
