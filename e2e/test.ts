import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseCluster } from "./cluster/choose.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { exists } from "./cluster/files.ts";
import { buildImages, clusterImages, platformImages } from "./cluster/images.ts";
import { clusterPrograms } from "./cluster/local/program-table.ts";
import { ensurePrograms } from "./cluster/local/programs.ts";
import { type Count, countVitest, total } from "./counting.ts";
import { prepare } from "./environment.ts";
import { testExampleApp } from "./example-app.ts";
import { consoleProgress, silentProgress } from "./progress.ts";
import { runStages, type Stage, summary } from "./stages.ts";

/**
 * All tests, from nothing: what `make test` and CI run. Ends with exactly one line `N passed, N failed`, and with exit
 * code 1 when anything failed or could not run. A cluster that it brought up goes again, unless KEEP=1.
 */
async function main(): Promise<void> {
  const progress = consoleProgress();
  const { cluster } = await chooseCluster(process.env);
  const environments = suiteEnvironments(cluster);
  const clusters = await Promise.all(environments.map(async (env) => (await chooseCluster(env)).cluster));
  const wereUp = new Set((await Promise.all(clusters.map(isUp))).flatMap((up, index) => (up ? [clusters[index]] : [])));
  // What takes longest on a fresh machine begins first, while suites that need none of it run. The stage that waits for
  // it tells how it ended. Images are mostly downloads, and fit beside the compiler.
  const images = cluster.provider === "local" ? buildImages(clusterImages, silentProgress) : undefined;
  // Only the spec `pages` needs these: it waits for them, and tells what went wrong.
  images?.then(() => buildImages(platformImages, silentProgress)).catch(() => undefined);
  const prepared =
    cluster.provider === "local"
      ? Promise.all([ensurePrograms([...clusterPrograms, "helm", "nats-server"], silentProgress), images])
      : undefined;
  prepared?.catch(() => undefined);
  // Likewise: clusters come up mostly by waiting, beside suites that need none.
  let clustersUp: Promise<unknown> | undefined;
  const reports = await mkdtemp(join(tmpdir(), "stemhub-tests-"));

  const stages: (Stage | Stage[])[] = [
    { name: "lint", run: () => check("npm", ["run", "-s", "lint"]) },
    { name: "unit tests", run: () => vitest("unit", reports) },
    {
      name: "programs and images",
      run: async () => {
        await progress.step("Programs of the cluster, and images (in the background until now)", async () => prepared);
        clustersUp = prepareAll(environments);
        clustersUp.catch(() => undefined);
        return none;
      },
    },
    [
      { name: "chart tests", needs: ["programs and images"], run: () => vitest("helm", reports) },
      { name: "gateway tests", needs: ["programs and images"], run: () => vitest("nginx", reports) },
      { name: "API server tests", needs: ["programs and images"], run: () => vitest("apiserver", reports) },
      { name: "write queue", needs: ["programs and images"], run: () => vitest("nats", reports) },
      { name: "backup repository", needs: ["programs and images"], run: () => vitest("pgbackrest", reports) },
      { name: "example app", needs: ["programs and images"], run: () => testExampleApp() },
    ],
    {
      name: "clusters",
      needs: ["programs and images"],
      run: async () => {
        await progress.step("Clusters and operators (in the background until now)", async () => clustersUp);
        return none;
      },
    },
    {
      name: "cluster suite",
      needs: ["clusters"],
      run: async () => total(await Promise.all(environments.map((env) => vitest(env.E2E_PROJECT, reports, env)))),
    },
  ];
  const results = await runStages(stages, { say: (line) => console.log(line), now: () => performance.now() });
  await rm(reports, { recursive: true, force: true });
  for (const each of clusters) if (!wereUp.has(each)) await takeDown(each);
  console.log(summary(results));
  process.exitCode = total(results.map(({ count }) => count)).failed === 0 ? 0 : 1;
}

/**
 * What does something to a whole cluster has one to itself, beside the one on which all other specs share their waiting: most of
 * the suite's time is waiting. Where the cluster is somebody else's there is only that one, and one after the other.
 */
function suiteEnvironments({ provider, name }: Cluster): (NodeJS.ProcessEnv & { readonly E2E_PROJECT: string })[] {
  if (provider === "existing") return [{ ...process.env, E2E_PROJECT: "e2e*" }];
  return [
    { ...process.env, CLUSTER_NAME: name, E2E_PROJECT: "e2e" },
    { ...process.env, CLUSTER_NAME: `${name.slice(0, 33)}-alone`, E2E_PROJECT: "e2e-alone" },
  ];
}

/** One after the other: they share what they import. Errors: those of prepare. */
async function prepareAll(environments: readonly NodeJS.ProcessEnv[]): Promise<void> {
  for (const env of environments) await prepare(silentProgress, env);
}

function isUp({ kubeconfig }: Cluster): Promise<boolean> {
  return exists(kubeconfig);
}

/** Of a stage that prepares and proves nothing by itself. */
const none: Count = { passed: 0, failed: 0 };

const root = fileURLToPath(new URL("..", import.meta.url));

/** Longer than any suite should take: a run must end, also where something hangs. */
const suiteDeadlineMs = 40 * 60_000;

/** A command that is one test by itself. */
async function check(program: string, args: readonly string[]): Promise<Count> {
  return (await inherit(program, args)) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** One of Vitest's projects, or those that a pattern names: printed for people as it runs, and counted from its report. */
async function vitest(project: string, reports: string, env: NodeJS.ProcessEnv = process.env): Promise<Count> {
  const report = join(reports, `${project.replace("*", "")}.json`);
  const reporters = [
    `--reporter=${project === "unit" ? "dot" : "verbose"}`,
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const args = ["node_modules/vitest/vitest.mjs", "run", "--project", project, ...reporters];
  const code = await inherit(process.execPath, args, env);
  const count = countVitest(await readFile(report, "utf8"));
  // An error outside of any test ends Vitest with 1 and leaves a clean report.
  return code === 0 || count.failed > 0 ? count : { ...count, failed: 1 };
}

async function inherit(program: string, args: readonly string[], env = process.env): Promise<number> {
  const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  const timer = setTimeout(() => child.kill("SIGTERM"), suiteDeadlineMs);
  const [code] = (await once(child, "exit")) as [number | null];
  clearTimeout(timer);
  return code ?? 1;
}

async function takeDown(cluster: Cluster): Promise<void> {
  if (cluster.provider === "existing") return;
  if (process.env.KEEP === "1") {
    console.log(`\nKEEP=1: cluster ${cluster.name} stays up (make down ends it)`);
    return;
  }
  await cluster.down(consoleProgress());
}

await main();
