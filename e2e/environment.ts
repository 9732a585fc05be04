import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseCluster } from "./cluster/choose.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { buildImages, clusterImages } from "./cluster/images.ts";
import { ensurePrograms } from "./cluster/local/programs.ts";
import type { Progress } from "./progress.ts";
import { run } from "./support/command.ts";
import { diagnosis } from "./support/diagnosis.ts";
import { Kubectl } from "./support/kubectl.ts";
import { namespaceFor, operatorRelease } from "./support/namespace.ts";

/** A cluster that is up, with this checkout's images on its nodes and this checkout's operator running. */
export interface Environment {
  readonly cluster: Cluster;
  /** As an admin of it, in namespace default. */
  readonly kubectl: Kubectl;
  /** References as the nodes know them: the tag is the hash of what the image is made of. */
  readonly images: Images;
}

/** A reference for each image that a cluster runs here. */
export type Images = Readonly<Record<(typeof clusterImages)[number], string>>;

/** The namespace of the demo's StemHub: bound by the chart's own values, as docs/install.md shows it. */
export const demoNamespace = "studio";

/** Two pods, an image of 250 MB that is on the node already. */
const installDeadlineMs = 180_000;

const chart = fileURLToPath(new URL("../charts/stemhub-operator", import.meta.url));

/**
 * Makes everything ready that demo, cluster suite and benches stand on: programs, cluster, images, operator. What is
 * there already is kept, so a second call takes seconds.
 */
export async function prepare(progress: Progress, env: NodeJS.ProcessEnv = process.env): Promise<Environment> {
  const { cluster, reason } = await chooseCluster(env);
  progress.say(`Cluster ${cluster.name}: provider ${cluster.provider}, since ${reason}`);
  // Images are mostly downloads: on a fresh machine they are done before the compiler is.
  const building = progress.step("Images", (inner) => buildImages(clusterImages, inner));
  building.catch(() => undefined); // It is awaited below, should the cluster not fail first.
  await cluster.up(progress);
  const bin = await ensurePrograms(["kubectl", "helm"], progress);
  const built = await building;
  await cluster.loadImages(built, progress);
  const images = Object.fromEntries(clusterImages.map((name, index) => [name, built[index]?.ref])) as Images;
  const kubectl = new Kubectl({ program: join(bin, "kubectl"), kubeconfig: cluster.kubeconfig });
  await progress.step("Operator, by its Helm chart", () => installOperator(kubectl, join(bin, "helm"), images));
  return { cluster, kubectl, images };
}

/**
 * `helm upgrade --install`, until its pods are ready. The same values for everybody, so that the suite does not take
 * back what the demo was given. Errors: what kubectl says about the operator's namespace, when it does not get ready.
 */
async function installOperator(kubectl: Kubectl, helm: string, images: Images): Promise<void> {
  const { name, namespace } = operatorRelease;
  await namespaceFor(kubectl, demoNamespace);
  const system = await namespaceFor(kubectl, namespace);
  const values = {
    "images.operator": images.operator,
    "images.postgres": images.postgres,
    "images.databaseProxy": images["database-proxy"],
    "images.gateway": images.gateway,
    "images.queue": images.queue,
    "images.nats": images.nats,
    watchNamespaces: `{${demoNamespace}}`,
  };
  const set = Object.entries(values).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const args = ["upgrade", "--install", name, chart, "--namespace", namespace, ...set, "--wait", "--timeout", "2m"];
  try {
    await run(helm, ["--kubeconfig", kubectl.target.kubeconfig, ...args], { deadlineMs: installDeadlineMs });
  } catch (error) {
    throw new Error(`the operator did not get ready\n${await diagnosis(system)}`, { cause: error });
  }
}
