import { Command } from "commander";
import { consoleProgress } from "../progress.ts";
import { CommandError } from "../support/command.ts";
import { chooseCluster } from "./choose.ts";
import { ClusterError } from "./cluster.ts";
import { buildImages, type ImageName, imageNames } from "./images.ts";
import { verify } from "./verify.ts";

const progress = consoleProgress();
const program = new Command("npm run cluster --")
  .description("The Kubernetes cluster of this checkout, for development and tests.")
  .addHelpText(
    "after",
    `
Environment:
  CLUSTER         local, kind or existing; without it, kind where Docker and kind are there, else local
  CLUSTER_NAME    instead of the name that is made of the checkout's path: two names are two clusters, side by side
  STEMHUB_CACHE   where programs, images and clusters are kept (default: ~/.cache/stemhub)
  IMAGE_REGISTRY  where images are pushed to for CLUSTER=existing (KUBECONFIG names its kubeconfig)`,
  );

program
  .command("up")
  .description("brings the cluster up, or mends it")
  .action(async () => {
    const { cluster, reason } = await chooseCluster();
    console.log(`Cluster ${cluster.name}, provider ${cluster.provider}: ${reason}`);
    await cluster.up(progress);
    for (const line of await cluster.status()) console.log(line);
  });

program
  .command("down")
  .description("ends it and removes its state; programs and images stay cached")
  .action(async () => (await chooseCluster()).cluster.down(progress));

program
  .command("status")
  .description("says how it does")
  .action(async () => {
    for (const line of await (await chooseCluster()).cluster.status()) console.log(line);
  });

program
  .command("kubeconfig")
  .description("prints the path of its kubeconfig, and nothing else")
  .action(async () => console.log((await chooseCluster()).cluster.kubeconfig));

program
  .command("lose")
  .argument("<node>", "its name in Kubernetes")
  .description("pulls a node's cable: its pods run on, and nothing reaches them")
  .action(async (node: string) => (await chooseCluster()).cluster.loseNode(node));

program
  .command("heal")
  .argument("<node>", "its name in Kubernetes")
  .description("plugs it in again")
  .action(async (node: string) => (await chooseCluster()).cluster.healNode(node));

program
  .command("images")
  .argument("[names...]", `any of: ${imageNames.join(", ")}; without a name, all`)
  .description("builds images and gives them to every node")
  .action(async (names: string[]) => {
    const { cluster } = await chooseCluster();
    const images = await buildImages((names.length > 0 ? names : imageNames) as ImageName[], progress);
    await cluster.loadImages(images, progress);
    for (const { ref } of images) console.log(ref);
  });

program
  .command("verify")
  .description("proves that it does what tests lean on; takes minutes, loses a node and heals it")
  .action(async () => verify((await chooseCluster()).cluster, progress));

try {
  await program.parseAsync();
} catch (error) {
  // What a person can mend, and what another program said, need no stack of ours.
  console.error(error instanceof ClusterError || error instanceof CommandError ? `error: ${error.message}` : error);
  process.exitCode = 1;
}
