import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Progress } from "../progress.ts";
import { run } from "../support/command.ts";
import { cacheDirectory } from "./cache.ts";
import { ClusterError, type Image } from "./cluster.ts";
import { inputsHash } from "./image-hash.ts";
import { Buildah, isFile } from "./local/buildah.ts";
import { withLock } from "./local/lock.ts";
import { ensurePackages } from "./local/packages.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The images that this repository builds: Dockerfile, and what decides their content besides it. */
const table = {
  operator: { dockerfile: "Dockerfile", inputs: ["package.json", "package-lock.json", "operator"] },
  postgres: { dockerfile: "workloads/postgres/Dockerfile", inputs: ["workloads/postgres"] },
  "database-proxy": { dockerfile: "workloads/database-proxy/Dockerfile", inputs: ["workloads/database-proxy"] },
  gateway: { dockerfile: "workloads/gateway/Dockerfile", inputs: ["workloads/gateway"] },
  "example-api": { dockerfile: "examples/app/api/Dockerfile", inputs: ["examples/app/api"] },
} as const satisfies Record<string, { dockerfile: string; inputs: readonly string[] }>;

/** An image of this repository. */
export type ImageName = keyof typeof table;

/** All of them. */
export const imageNames = Object.keys(table) as ImageName[];

/** What builds images: buildah without a daemon, or docker where its daemon answers. */
export type Builder = "buildah" | "docker";

/** Archives of older versions of an image that are kept, for the other checkouts' and branches' sake. */
const keptVersions = 4;
const dockerDeadlineMs = 30 * 60_000;

/**
 * How pods name an image: `localhost/stemhub-operator:HASH`. The tag is the hash of its inputs, so that a cluster never
 * runs an older image under the same name. IMAGE_REGISTRY (`registry.example.org/dev`) stands in localhost's place.
 *
 * Errors: ENOENT when an input is not there.
 */
export async function imageRef(name: ImageName, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const { dockerfile, inputs } = table[name];
  const tag = await inputsHash(root, [dockerfile, ".dockerignore", ...inputs]);
  return `${env.IMAGE_REGISTRY || "localhost"}/stemhub-${name}:${tag}`;
}

/**
 * Builds those whose inputs have no archive in the cache yet, one after the other, and returns all. Processes that ask at
 * the same time build once. Errors: ClusterError for a name that is none, CommandError with the builder's words.
 */
export async function buildImages(
  names: readonly ImageName[],
  progress: Progress,
  builder?: Builder,
): Promise<Image[]> {
  const images: (Image & { readonly name: ImageName })[] = [];
  for (const name of names) {
    if (!(name in table)) throw new ClusterError(`no such image: ${name}; there are ${imageNames.join(", ")}`);
    const ref = await imageRef(name);
    const tag = ref.slice(ref.lastIndexOf(":") + 1);
    images.push({ name, ref, archive: join(folder(), `${name}-${tag}.tar`) });
  }
  const isMissing = await Promise.all(images.map(async ({ archive }) => !(await isFile(archive))));
  if (!isMissing.includes(true)) return images;
  const chosen = builder ?? (await availableBuilder());
  if (chosen === "buildah") await ensurePackages(progress);
  await withLock(`images:${cacheDirectory()}`, progress, async () => {
    await mkdir(folder(), { recursive: true });
    for (const image of images) {
      if (await isFile(image.archive)) continue; // Or built meanwhile, by another process.
      await progress.step(`Image ${image.name}`, (inner) => build(image, chosen, inner));
      await removeOldArchives(image.name);
    }
  });
  return images;
}

async function build(image: Image & { readonly name: ImageName }, builder: Builder, progress: Progress): Promise<void> {
  const dockerfile = join(root, table[image.name].dockerfile);
  if (builder === "buildah") {
    await new Buildah(cacheDirectory()).build(image.ref, dockerfile, root, image.archive, progress);
    return;
  }
  const onOutput = (text: string) => progress.note(text);
  const options = { deadlineMs: dockerDeadlineMs, onOutput };
  await run("docker", ["build", "--tag", image.ref, "--file", dockerfile, root], options);
  await run("docker", ["save", "--output", image.archive, image.ref], options);
}

/** docker where a daemon answers, else buildah. */
async function availableBuilder(): Promise<Builder> {
  const { hasDocker } = await import("./choose.ts");
  return (await hasDocker()) ? "docker" : "buildah";
}

async function removeOldArchives(name: ImageName): Promise<void> {
  const archives = (await readdir(folder())).filter((file) => new RegExp(`^${name}-[0-9a-f]{12}\\.tar$`).test(file));
  const dated = await Promise.all(
    archives.map(async (file) => ({ file, at: (await stat(join(folder(), file))).mtimeMs })),
  );
  dated.sort((a, b) => b.at - a.at);
  for (const { file } of dated.slice(keptVersions)) await rm(join(folder(), file), { force: true });
}

function folder(): string {
  return join(cacheDirectory(), "images");
}
