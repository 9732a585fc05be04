import { dirname } from "node:path";
import { demoNamespace, type Environment, prepare } from "./environment.ts";
import { consoleProgress, elapsed, type Progress } from "./progress.ts";
import { quickstart, quickstartSecrets } from "./quickstart.ts";
import { GatewayClient } from "./support/gateway.ts";
import type { Kubectl } from "./support/kubectl.ts";
import { Musician } from "./support/musician.ts";
import { untilStemHub } from "./support/ready.ts";
import { watchLines } from "./support/timeline.ts";

/** The StemHub of examples/quickstart.yaml. */
const name = "studio";

/** Twice what three instances on two busy cores took. */
const readyDeadlineMs = 240_000;

/**
 * From a bare machine to a StemHub that has served a musician. Safe to run again: what is there is kept, and the round
 * trip is made anew. Errors are told by what happened, where, and what to do; exit code 1.
 */
async function main(): Promise<void> {
  const began = performance.now();
  const progress = consoleProgress();
  const environment = await prepare(progress);
  const studio = environment.kubectl.in(demoNamespace);
  await progress.step("Secrets of the app (made once, then kept)", () => quickstartSecrets(studio, environment));
  await progress.step(
    "kubectl apply -f examples/quickstart.yaml (its images replaced by those just built)",
    async () => {
      await studio.apply(...(await quickstart(environment)));
    },
  );
  await progress.step(`StemHub ${name} becomes Ready`, (inner) => untilReady(studio, inner));
  const story = await progress.step("A musician's round trip through the gateway", () => roundTrip(studio));
  console.log(`\n${story.join("\n")}\n`);
  console.log(`StemHub ${name} is Ready and has served a request, after ${elapsed(performance.now() - began)}.\n`);
  console.log(await studio.run(["get", "stemhubs"]));
  console.log(next(environment));
}

async function untilReady(kubectl: Kubectl, progress: Progress): Promise<void> {
  const message = 'jsonpath={.status.conditions[?(@.type=="Ready")].message}{"\\n"}';
  const watch = watchLines(kubectl, [`stemhub/${name}`, "-o", message], (line) => progress.note(line));
  try {
    await untilStemHub(kubectl, name, "condition=Ready", readyDeadlineMs);
  } finally {
    await watch.stop();
  }
}

/** What the app is for, in small; each step over HTTPS, verified with the StemHub's own authority. */
async function roundTrip(kubectl: Kubectl): Promise<string[]> {
  const gateway = await GatewayClient.open(kubectl, name);
  try {
    const musician = new Musician(gateway, `demo-${Date.now()}`);
    await musician.signUp();
    await musician.signIn();
    const project = await musician.createProject("Blue Room");
    const { servedBy } = await musician.readProject(project);
    return [
      `  signed in as ${musician.name}, over TLS verified with ConfigMap ${name}-ca`,
      `  created project "Blue Room" (${project}), acknowledged by two database instances`,
      `  read it back from a ${servedBy}`,
    ];
  } finally {
    gateway.close();
  }
}

/** kubectl may be nowhere on a bare machine: the one that was used is offered. */
function next({ kubectl }: Environment): string {
  const { program, kubeconfig } = kubectl.target;
  return `Try next (after: export KUBECONFIG=${kubeconfig} PATH=${dirname(program)}:$PATH)

  kubectl -n ${demoNamespace} describe stemhub ${name}          # what the operator says
  kubectl -n ${demoNamespace} delete pod ${name}-db-0           # take a database instance away, and watch:
  kubectl -n ${demoNamespace} get stemhub ${name} --watch

make down ends the cluster.`;
}

try {
  await main();
} catch (error) {
  // What a person can mend needs no stack.
  const said = error instanceof Error ? (process.env.DEBUG === "1" ? error.stack : error.message) : String(error);
  console.error(`\nThe demo stopped: ${said}`);
  console.error("\nMend that and run it again: what is done is kept. DEBUG=1 shows where in the code it was.");
  process.exitCode = 1;
}
