import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Progress, silentProgress } from "../../progress.ts";
import { Kubectl } from "../../support/kubectl.ts";
import { cacheDirectory } from "../cache.ts";
import { type Cluster, ClusterError, type Cut, type Image, type S3Access } from "../cluster.ts";
import { applyAddons, dnsReady, metricsReady, nodesReady, probe } from "./addons.ts";
import { Buildah, baseImage } from "./buildah.ts";
import { makeCertificates } from "./certs.ts";
import { endCgroup, inCgroup, makeCgroup } from "./cgroups.ts";
import {
  apiServerName,
  apiServices,
  controllerServices,
  diskService,
  dnsService,
  metricsService,
  volumeService,
} from "./control-plane.ts";
import { ImageStore } from "./image-store.ts";
import { importImages, nodeImages } from "./load.ts";
import { withLock } from "./lock.ts";
import { unmountBelow } from "./mounts.ts";
import { cutWay, makeBridge, mendWays, removeBridge, setCable } from "./network.ts";
import { startNode, stopNode } from "./node.ts";
import { ensurePackages } from "./packages.ts";
import { type Service, Services, waitFor } from "./process.ts";
import { clusterPrograms } from "./program-table.ts";
import { ensurePrograms } from "./programs.ts";
import { s3Access, s3Service } from "./s3.ts";
import { apiPort, type Layout, layoutOf, type NodeLayout } from "./slots.ts";
import { ClusterState } from "./state.ts";

const apiDeadlineMs = 90_000;

/**
 * Three nodes on this machine without a container daemon: each a network namespace with its own containerd, kubelet and
 * kube-proxy. Control plane, DNS, metrics, volumes and object store are processes of the host, so losing any node takes
 * none of them away, and the API server can be lost alone. Needs root, on Linux with Debian's packages.
 *
 * Not like a real one: NetworkPolicy is accepted and not enforced, there is no LoadBalancer, every node reports the whole
 * machine's processors and memory, volumes of the default class have no size limit (those of local-disk do), and pods of
 * one node cannot be kept apart by a cut, since they share a bridge.
 */
export class LocalCluster implements Cluster {
  readonly provider = "local";
  readonly diskClass = "local-disk";
  readonly name: string;
  readonly #cache: string;
  readonly #state: ClusterState;

  constructor(name: string, cache = cacheDirectory()) {
    this.name = name;
    this.#cache = cache;
    this.#state = new ClusterState(cache, name);
  }

  get kubeconfig(): string {
    return this.#state.kubeconfig;
  }

  get auditLog(): string {
    return this.#state.auditLog;
  }

  get s3(): S3Access {
    return s3Access(this.#state, layoutOf(Number(readFileSync(this.#state.path("slot"), "utf8"))));
  }

  async up(progress: Progress): Promise<void> {
    await ensurePackages(progress);
    const bin = await ensurePrograms(clusterPrograms, progress);
    const pause = await this.#nodeImages(bin, progress);
    await progress.step(`Cluster ${this.name}`, (inner) => this.#alone(inner, () => this.#start(bin, pause, inner)));
  }

  /** What every node needs before its first pod: the sandbox's image, and the base of all others. */
  async #nodeImages(bin: string, progress: Progress): Promise<readonly [Image, Image]> {
    const buildah = new Buildah(this.#cache);
    return withLock(`images:${this.#cache}`, progress, async () => {
      const file = join(bin, "pause");
      const tag = createHash("sha256")
        .update(await readFile(file))
        .digest("hex")
        .slice(0, 12);
      const ref = `localhost/stemhub-pause:${tag}`;
      const archive = await buildah.singleFile(ref, file, `pause-${tag}.tar`, progress);
      return [
        { ref, archive },
        { ref: baseImage, archive: await buildah.base(progress) },
      ] as const;
    });
  }

  async #start(bin: string, images: readonly [Image, Image], progress: Progress): Promise<void> {
    const state = this.#state;
    const layout = await state.takeSlot(this.#cache, progress);
    const services = this.#services(bin);
    const store = new ImageStore(this.#cache, bin);
    const context = { state, layout, services, bin, pauseImage: images[0].ref, store, progress };
    const onHost = (service: Service) => ensureOnHost(services, layout, service);
    const kubectl = this.#kubectl(bin);

    progress.note("certificates and network");
    await makeCertificates(state, layout);
    await makeBridge(layout);
    await makeCgroup(layout.hostCgroup);
    progress.note("API server and nodes");
    for (const service of await apiServices(state, layout)) await onHost(service);
    const nodes = Promise.all(
      layout.nodes.map(async (node) => {
        await startNode(context, node);
        await importImages(nodeImages(state, node), bin, images);
      }),
    );
    await Promise.all([nodes, apiReady(services, kubectl)]);
    progress.note("controllers and addons");
    for (const service of controllerServices(state, layout)) await onHost(service);
    await applyAddons(kubectl, state, layout);
    await onHost(await dnsService(state, layout));
    await onHost(metricsService(state, layout));
    await onHost(await volumeService(state, layout, baseImage));
    await onHost(await diskService(state));
    await onHost(await s3Service(state, layout));
    progress.note("waiting for nodes");
    await nodesReady(kubectl, layout);
    progress.note("proving names and volumes");
    await dnsReady(layout);
    await probe(kubectl, baseImage);
    progress.note("waiting for metrics");
    await metricsReady(kubectl, layout);
    await services.assertAlive();
  }

  async down(progress: Progress): Promise<void> {
    await progress.step(`Cluster ${this.name} ends`, (inner) =>
      this.#alone(inner, async () => {
        const layout = await this.#state.layout();
        if (layout) await this.#end(layout, inner);
        await rm(this.#state.directory, { recursive: true, force: true });
      }),
    );
  }

  async #end(layout: Layout, progress: Progress): Promise<void> {
    const state = this.#state;
    const services = this.#services("");
    progress.note("nodes");
    await Promise.all(layout.nodes.map((node) => stopNode({ state, services }, node)));
    progress.note("control plane");
    // At once: nothing of what they would put in order is kept.
    for (const { name } of await services.all()) await services.stop(name, 0);
    await endCgroup(layout.hostCgroup);
    await removeBridge(layout);
    await unmountBelow(state.directory);
  }

  async status(): Promise<string[]> {
    const layout = await this.#state.layout();
    if (!layout) return [`${this.name} (local): not up`];
    const processes = await this.#services("").all();
    const dead = processes.filter(({ running }) => !running).map(({ name }) => name);
    const died = dead.length === 0 ? "" : `; died: ${dead.join(", ")} (npm run cluster -- up mends it)`;
    return [
      `${this.name} (local): ${processes.length - dead.length} of ${processes.length} processes run${died}`,
      `API server  https://${layout.hostAddress}:${apiPort}`,
      `nodes       ${layout.nodes.map(({ name, address }) => `${name} ${address}`).join(", ")}`,
      `kubeconfig  ${this.kubeconfig}`,
      `logs        ${this.#state.path("log")}`,
    ];
  }

  async loadImages(images: readonly Image[], progress: Progress): Promise<void> {
    const layout = await this.#layoutOfUp();
    const bin = await ensurePrograms(["ctr", "containerd"], progress);
    await progress.step(`Images onto ${layout.nodes.length} nodes`, async (inner) => {
      const nodes = layout.nodes.map((node) => importImages(nodeImages(this.#state, node), bin, images));
      await Promise.all([...nodes, new ImageStore(this.#cache, bin).add(images, inner)]);
    });
  }

  async loseNode(node: string): Promise<void> {
    await setCable(await this.#node(node), "down");
  }

  async healNode(node: string): Promise<void> {
    await setCable(await this.#node(node), "up");
  }

  async cut(cut: Cut): Promise<void> {
    await cutWay(await this.#node(cut.node), cut);
  }

  async mend(node: string): Promise<void> {
    await mendWays(await this.#node(node));
  }

  async loseApiServer(): Promise<void> {
    await this.#layoutOfUp();
    await this.#alone(silentProgress, () => this.#services("").stop(apiServerName, 0));
  }

  async healApiServer(): Promise<void> {
    const layout = await this.#layoutOfUp();
    const bin = await ensurePrograms(clusterPrograms, silentProgress);
    await this.#alone(silentProgress, async () => {
      const services = this.#services(bin);
      for (const service of await apiServices(this.#state, layout)) await ensureOnHost(services, layout, service);
      await apiReady(services, this.#kubectl(bin));
      // After a minute without it CoreDNS waits more than another minute, and knows no new name, and the scheduler waits half a
      // minute, and places no pod: the next test would fail.
      const waiting = [await dnsService(this.#state, layout), ...controllerServices(this.#state, layout)];
      for (const service of waiting) {
        await services.stop(service.name);
        await ensureOnHost(services, layout, service);
      }
      await dnsReady(layout);
    });
  }

  /** No other process of this machine changes the cluster meanwhile. */
  #alone<T>(progress: Progress, work: () => Promise<T>): Promise<T> {
    return withLock(`cluster:${this.#state.directory}`, progress, work);
  }

  #kubectl(bin: string): Kubectl {
    return new Kubectl({ program: join(bin, "kubectl"), kubeconfig: this.kubeconfig });
  }

  async #node(name: string): Promise<NodeLayout> {
    const layout = await this.#layoutOfUp();
    const node = layout.nodes.find((candidate) => candidate.name === name);
    if (node) return node;
    throw new ClusterError(`no such node: ${name}; there are ${layout.nodes.map((n) => n.name).join(", ")}`);
  }

  async #layoutOfUp(): Promise<Layout> {
    const layout = await this.#state.layout();
    if (!layout) throw new ClusterError(`cluster ${this.name} is not up: npm run cluster -- up`);
    return layout;
  }

  #services(bin: string): Services {
    return new Services(this.#state.path("processes"), this.#state.path("log"), bin);
  }
}

async function ensureOnHost(services: Services, layout: Layout, service: Service): Promise<void> {
  await services.ensure({ ...service, command: await inCgroup(layout.hostCgroup, service.command) });
}

async function apiReady(services: Services, kubectl: Kubectl): Promise<void> {
  await waitFor("the API server is ready", apiDeadlineMs, async () => {
    await services.assertAlive();
    return (await kubectl.attempt(["get", "--raw", "/readyz"])).code === 0;
  });
}
