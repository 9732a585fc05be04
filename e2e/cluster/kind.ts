import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { authorityLifetimeMs, createAuthority, issueCertificate } from "../../operator/stemhub/pki/certificates.ts";
import type { Progress } from "../progress.ts";
import { run, runToEnd } from "../support/command.ts";
import { Kubectl } from "../support/kubectl.ts";
import { auditPolicy } from "./audit-policy.ts";
import { cacheDirectory } from "./cache.ts";
import {
  type Cluster,
  ClusterError,
  type Cut,
  type Image,
  type S3Access,
  s3Buckets,
  s3Host,
  s3Port,
} from "./cluster.ts";
import { isCutAlready } from "./cuts.ts";
import { readIfPresent, replaceFile } from "./files.ts";
import {
  apiServer,
  cable,
  createCluster,
  cutWay,
  deleteCluster,
  type KindCommand,
  type KindPaths,
  loadArchive,
  mendWays,
  metricsServer,
  network,
  runS3,
  s3Container,
  s3Objects,
} from "./kind-commands.ts";
import { waitFor } from "./local/process.ts";

const commandDeadlineMs = 15 * 60_000;
const apiDeadlineMs = 120_000;

/**
 * kind (https://kind.sigs.k8s.io) with Docker: what people use who have them. Node names are NAME-worker, -worker2,
 * -worker3. It needs kind, docker and kubectl, and a network that reaches Docker Hub and GitHub.
 *
 * Never run where this was written, for there is no Docker daemon there: only its command lines are tested.
 */
export class KindCluster implements Cluster {
  readonly provider = "kind";
  readonly name: string;
  readonly kubeconfig: string;
  readonly auditLog: string;
  readonly #directory: string;
  readonly #paths: KindPaths;

  constructor(name: string, cache = cacheDirectory()) {
    this.name = name;
    this.#directory = join(cache, "clusters", name);
    this.kubeconfig = join(this.#directory, "kubeconfig");
    this.auditLog = join(this.#directory, "audit", "audit.log");
    this.#paths = {
      kubeconfig: this.kubeconfig,
      auditFolder: join(this.#directory, "audit"),
      auditPolicy: join(this.#directory, "audit-policy.yaml"),
      s3Certificates: join(this.#directory, "s3"),
    };
  }

  get s3(): S3Access {
    const file = this.#s3File();
    if (!existsSync(file)) throw new ClusterError("the cluster is not up: npm run cluster -- up");
    const { id, secret, hostPort } = JSON.parse(readFileSync(file, "utf8"));
    return {
      endpoint: `https://${s3Host}:${s3Port}`,
      hostEndpoint: `https://localhost:${hostPort}`,
      accessKeyId: id,
      secretAccessKey: secret,
      caFile: join(this.#paths.s3Certificates, "ca.crt"),
      buckets: s3Buckets,
    };
  }

  get diskClass(): string {
    throw new ClusterError("CLUSTER=kind has no StorageClass whose volumes are limited in size: use local");
  }

  async up(progress: Progress): Promise<void> {
    await mkdir(this.#paths.auditFolder, { recursive: true });
    await replaceFile(this.#paths.auditPolicy, auditPolicy, 0o644);
    const clusters = (await run("kind", ["get", "clusters"])).stdout.split("\n");
    if (!clusters.includes(this.name)) {
      await progress.step(`kind cluster ${this.name}`, (inner) =>
        this.#run(createCluster(this.name, this.#paths), inner),
      );
    }
    await progress.step("API server and network", async () => {
      await this.healApiServer();
      for (const node of await this.#nodes()) await this.mend(node);
    });
    await progress.step("Metrics and object store", async (inner) => {
      for (const command of metricsServer(this.kubeconfig)) await this.#run(command, inner);
      await this.#startS3(inner);
    });
  }

  async down(progress: Progress): Promise<void> {
    await progress.step(`kind cluster ${this.name} ends`, async (inner) => {
      await runToEnd("docker", ["rm", "--force", "--volumes", s3Container(this.name)]);
      await this.#run(deleteCluster(this.name, this.kubeconfig), inner);
      await rm(this.#directory, { recursive: true, force: true });
    });
  }

  async status(): Promise<string[]> {
    const names = (await this.#nodes()).join(", ");
    return [`${this.name} (kind): ${names || "not up"}`, `kubeconfig  ${this.kubeconfig}`];
  }

  async loadImages(images: readonly Image[], progress: Progress): Promise<void> {
    await progress.step("Images onto kind's nodes", async (inner) => {
      for (const { archive } of images) await this.#run(loadArchive(this.name, archive), inner);
    });
  }

  async loseNode(node: string): Promise<void> {
    if (await this.#connected(node)) await this.#run(cable("disconnect", node));
  }

  async healNode(node: string): Promise<void> {
    if (!(await this.#connected(node))) await this.#run(cable("connect", node));
  }

  async cut(cut: Cut): Promise<void> {
    const { program, args } = cutWay(cut);
    const { code, stdout, stderr } = await runToEnd(program, args);
    if (code !== 0 && !isCutAlready(stderr)) throw new ClusterError(`${cut.node}: ${stderr || stdout}`);
  }

  async mend(node: string): Promise<void> {
    await this.#run(mendWays(node));
  }

  async loseApiServer(): Promise<void> {
    await this.#run(apiServer("lose", this.name));
  }

  async healApiServer(): Promise<void> {
    await this.#run(apiServer("heal", this.name));
    await waitFor("the API server is ready", apiDeadlineMs, async () => {
      return (await runToEnd("kubectl", ["--kubeconfig", this.kubeconfig, "get", "--raw", "/readyz"])).code === 0;
    });
  }

  async #nodes(): Promise<string[]> {
    const { stdout } = await run("kind", ["get", "nodes", "--name", this.name]);
    return stdout.trim().split("\n").filter(Boolean);
  }

  async #connected(node: string): Promise<boolean> {
    const format = `{{json .NetworkSettings.Networks}}`;
    const { stdout } = await run("docker", ["inspect", "--format", format, node]);
    return network in JSON.parse(stdout);
  }

  /** Its certificate is made once; the container is made anew, for its address may have changed with a restart. */
  async #startS3(progress: Progress): Promise<void> {
    const folder = this.#paths.s3Certificates;
    if ((await readIfPresent(join(folder, "tls.crt"))) === undefined) {
      await mkdir(folder, { recursive: true });
      const times = { now: Date.now(), lifetimeMs: authorityLifetimeMs };
      const authority = await createAuthority("stemhub-dev", times.now);
      const issued = await issueCertificate(authority, [s3Host, "localhost"], times);
      await replaceFile(join(folder, "ca.crt"), authority.certificate, 0o644);
      await replaceFile(join(folder, "tls.key"), issued.key, 0o644);
      await replaceFile(join(folder, "tls.crt"), issued.certificate, 0o644);
    }
    const known = await readIfPresent(this.#s3File());
    const credentials: { id: string; secret: string } =
      known === undefined
        ? { id: randomBytes(8).toString("hex"), secret: randomBytes(24).toString("hex") }
        : JSON.parse(known);
    const container = s3Container(this.name);
    const running = await runToEnd("docker", ["inspect", "--format", "{{.State.Running}}", container]);
    if (running.stdout.trim() !== "true") {
      await runToEnd("docker", ["rm", "--force", container]);
      await this.#run(runS3(this.name, this.#paths, credentials), progress);
    }
    const address = await run("docker", [
      "inspect",
      "--format",
      `{{.NetworkSettings.Networks.${network}.IPAddress}}`,
      container,
    ]);
    const port = await run("docker", ["port", container, "7443/tcp"]);
    const hostPort = port.stdout.trim().split(":").at(-1);
    await replaceFile(this.#s3File(), JSON.stringify({ ...credentials, hostPort }));
    const kubectl = new Kubectl({ program: "kubectl", kubeconfig: this.kubeconfig }, "stemhub-dev");
    await kubectl.apply(...s3Objects(address.stdout.trim()));
  }

  async #run({ program, args, input }: KindCommand, progress?: Progress): Promise<void> {
    await run(program, args, {
      deadlineMs: commandDeadlineMs,
      ...(input === undefined ? {} : { input }),
      ...(progress ? { onOutput: (text: string) => progress.note(text) } : {}),
    });
  }

  #s3File(): string {
    return join(this.#directory, "s3.json");
  }
}
