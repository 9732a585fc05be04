import { join } from "node:path";
import type { Progress } from "../progress.ts";
import { Kubectl } from "../support/kubectl.ts";
import { keepApart, untilApart } from "../support/partition.ts";
import { type Cluster, ClusterError, s3Host, s3Port } from "./cluster.ts";
import { sleep, waitFor } from "./local/process.ts";
import { ensurePrograms } from "./local/programs.ts";
import { diskObjects, verifyNamespace, verifyObjects } from "./verify-objects.ts";

const deadlineMs = 120_000;

/** A pod of the DaemonSet `web`, of which each node has one. */
interface WebPod {
  readonly name: string;
  readonly node: string;
  readonly address: string;
}

/**
 * Proves that a cluster does what tests lean on, a line per point, and removes what it made. It loses a node and heals
 * it: not for a cluster that is in use. Errors: at the first point that does not hold.
 */
export async function verify(cluster: Cluster, progress: Progress): Promise<void> {
  const program =
    cluster.provider === "local" ? join(await ensurePrograms(["kubectl"], progress), "kubectl") : "kubectl";
  const kubectl = new Kubectl({ program, kubeconfig: cluster.kubeconfig }, verifyNamespace);
  await kubectl.delete(`namespace/${verifyNamespace}`, { wait: true });
  await kubectl.apply(...verifyObjects);
  try {
    const web = await progress.step("a DaemonSet runs on every node", () => webPods(kubectl));
    const [first, last] = [web[0], web.at(-1)];
    if (!first || !last) throw new ClusterError("there are no nodes");

    await progress.step("pods reach pods on every node", async () => {
      for (const { name, address } of web) await expectAnswer(kubectl, first, address, 8080, [name]);
    });
    await progress.step("each node reaches every pod by the Service's name", async () => {
      for (const pod of web) for (const { name } of web) await reach(kubectl, pod, name);
    });
    if (cluster.provider !== "existing") {
      await progress.step("pods reach the object store by its name", () => connect(kubectl, first, s3Host, s3Port));
    }
    if (cluster.provider !== "existing") {
      await progress.step(`${first.node} and ${last.node} are kept apart for one pod each, and mended`, async () => {
        const apart = await keepApart(cluster, first, last);
        try {
          await untilApart(kubectl, first.name, last.address, 8080);
        } finally {
          await apart.end();
        }
        await expectAnswer(kubectl, first, last.address, 8080, [last.name]);
      });
    }
    await progress.step("a StatefulSet's volume outlives its pod", () => volumeOutlivesPod(kubectl));
    if (cluster.provider === "local") {
      await progress.step("a volume with a size fills up, and grows while it is in use", () =>
        diskFillsUpAndGrows(kubectl, cluster.diskClass),
      );
    }
    await progress.step("an autoscaler raises replicas under load", () =>
      kubectl.wait("deployment/burn", "jsonpath={.status.readyReplicas}=2", deadlineMs),
    );
    await kubectl.delete("hpa/burn deployment/burn");
    if (cluster.provider !== "existing") {
      await progress.step(`${last.node} is lost: NotReady, and the Service answers without it`, () =>
        lose(cluster, kubectl, first, last),
      );
      await progress.step(`${last.node} is healed: Ready, its pod the same and reachable`, () =>
        heal(cluster, kubectl, first, last),
      );
    }
  } finally {
    if (cluster.provider !== "existing") for (const node of await nodeNames(kubectl)) await cluster.healNode(node);
    await kubectl.delete(`namespace/${verifyNamespace}`);
  }
}

async function webPods(kubectl: Kubectl): Promise<WebPod[]> {
  await kubectl.run(["rollout", "status", "daemonset/web", `--timeout=${deadlineMs / 1_000}s`], { deadlineMs });
  const pods = (await kubectl.list("pods", "app=web")) as unknown as {
    metadata: { name: string };
    spec: { nodeName: string };
    status: { podIP: string };
  }[];
  return pods
    .map(({ metadata, spec, status }) => ({ name: metadata.name, node: spec.nodeName, address: status.podIP }))
    .sort((a, b) => a.node.localeCompare(b.node));
}

/** What a web pod answers, asked by another one: a pod's name. */
async function ask(kubectl: Kubectl, from: WebPod, host: string, port: number): Promise<string> {
  const request = `exec 3<>/dev/tcp/${host}/${port}; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; tail -n 1 <&3`;
  return (await kubectl.exec(from.name, ["timeout", "3", "bash", "-c", request])).trim();
}

async function connect(kubectl: Kubectl, from: WebPod, host: string, port: number): Promise<void> {
  await kubectl.exec(from.name, ["timeout", "5", "bash", "-c", `exec 3<>/dev/tcp/${host}/${port}`]);
}

async function expectAnswer(kubectl: Kubectl, from: WebPod, host: string, port: number, names: readonly string[]) {
  const answer = await ask(kubectl, from, host, port);
  if (!names.includes(answer)) throw new ClusterError(`${from.name} asked ${host}, and "${answer}" answered`);
}

/** The Service chooses a pod at random: 40 tries miss one of three once in ten million times. */
async function reach(kubectl: Kubectl, from: WebPod, name: string): Promise<void> {
  for (let attempt = 0; attempt < 40; attempt++) if ((await ask(kubectl, from, "web", 80)) === name) return;
  throw new ClusterError(`from ${from.node} the Service never chose ${name}`);
}

async function volumeOutlivesPod(kubectl: Kubectl): Promise<void> {
  await kubectl.wait("pod/keeper-0", "condition=Ready", deadlineMs);
  const written = String(Date.now());
  await kubectl.exec("keeper-0", ["sh", "-c", "cat >/data/file"], { input: written });
  await kubectl.delete("pod/keeper-0", { wait: true });
  await kubectl.wait("pod/keeper-0", "create", deadlineMs);
  await kubectl.wait("pod/keeper-0", "condition=Ready", deadlineMs);
  const read = await kubectl.exec("keeper-0", ["cat", "/data/file"]);
  if (read.trim() !== written) throw new ClusterError(`the volume holds "${read}", not ${written}`);
}

async function diskFillsUpAndGrows(kubectl: Kubectl, diskClass: string): Promise<void> {
  await kubectl.apply(...diskObjects(diskClass, "320Mi"));
  await kubectl.wait("pod/disk", "condition=Ready", deadlineMs);
  const fill = "dd if=/dev/zero of=/data/file bs=1M 2>&1 || true";
  const full = await kubectl.exec("pod/disk", ["sh", "-c", fill]);
  if (!full.includes("No space left on device")) throw new ClusterError(`a volume of 320Mi took it all: ${full}`);
  await kubectl.patch("pvc/disk", { spec: { resources: { requests: { storage: "400Mi" } } } });
  await kubectl.wait("pvc/disk", "jsonpath={.status.capacity.storage}=400Mi", deadlineMs);
  await kubectl.exec("pod/disk", ["dd", "if=/dev/zero", "of=/data/more", "bs=1M", "count=64"]);
}

async function lose(cluster: Cluster, kubectl: Kubectl, from: WebPod, lost: WebPod): Promise<void> {
  await cluster.loseNode(lost.node);
  await kubectl.wait(`node/${lost.node}`, "condition=Ready=Unknown", deadlineMs);
  // kube-proxy follows the endpoints a second or so later.
  await waitFor("20 answers of 20", deadlineMs, async () => {
    for (let attempt = 0; attempt < 20; attempt++) await ask(kubectl, from, "web", 80);
    return true;
  });
}

async function heal(cluster: Cluster, kubectl: Kubectl, from: WebPod, healed: WebPod): Promise<void> {
  await cluster.healNode(healed.node);
  await kubectl.wait(`node/${healed.node}`, "condition=Ready", deadlineMs);
  await waitFor("its pod answers", deadlineMs, async () => {
    if ((await ask(kubectl, from, healed.address, 8080)) === healed.name) return true;
    await sleep(300);
    return false;
  });
}

async function nodeNames(kubectl: Kubectl): Promise<string[]> {
  return (await kubectl.list("nodes")).map(({ metadata }) => metadata.name);
}
