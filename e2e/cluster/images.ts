import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Progress } from "../progress.ts";
import { run } from "../support/command.ts";
import { cacheDirectory } from "./cache.ts";
import { hasDocker } from "./choose.ts";
import { ClusterError, type Image } from "./cluster.ts";
import { exists } from "./files.ts";
import { inputsHash } from "./image-hash.ts";
import { Buildah } from "./local/buildah.ts";
import { withLock } from "./local/lock.ts";
import { ensurePackages } from "./local/packages.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Without their tests. */
const exampleApp = (...paths: string[]) => paths.map((path) => `examples/app/${path}`);
const exampleApi = [
  ".node-version",
  ...exampleApp(
    "service",
    ...["requirements.txt", "prisma", "stemhub_api", "other_app.py"].map((name) => `api/${name}`),
  ),
];
const exampleAuth = exampleApp("service", "auth/requirements.txt", "auth/stemhub_auth");
const exampleDawparser = exampleApp("service", "dawparser/requirements.txt", "dawparser/stemhub_dawparser");
const exampleCollaboration = [
  ".node-version",
  ...exampleApp(...["package.json", "package-lock.json", "src"].map((name) => `collaboration/${name}`)),
];
const exampleWeb = [
  ".node-version",
  ...exampleApp(
    ...["package.json", "package-lock.json", "tsconfig.json", "next.config.ts", "proxy.ts", "app"].map(
      (name) => `web/${name}`,
    ),
  ),
];

/** The images that this repository builds: Dockerfile, and what decides their content besides it. */
const table = {
  operator: { dockerfile: "Dockerfile", inputs: ["package.json", "package-lock.json", "operator"] },
  postgres: { dockerfile: "workloads/postgres/Dockerfile", inputs: ["workloads/postgres", "workloads/certificates"] },
  "database-proxy": { dockerfile: "workloads/database-proxy/Dockerfile", inputs: ["workloads/database-proxy"] },
  gateway: {
    dockerfile: "workloads/gateway/Dockerfile",
    inputs: [
      ...["package.json", "package-lock.json", "operator/api", "operator/runtime"],
      ...["workloads/gateway", "workloads/certificates"],
    ],
  },
  queue: {
    dockerfile: "workloads/queue/Dockerfile",
    inputs: ["package.json", "package-lock.json", "operator/api", "operator/runtime", "workloads/queue"],
  },
  nats: { dockerfile: "workloads/nats/Dockerfile", inputs: ["workloads/nats", "workloads/certificates"] },
  "example-api": { dockerfile: "examples/app/api/Dockerfile", inputs: exampleApi },
  "example-auth": { dockerfile: "examples/app/auth/Dockerfile", inputs: exampleAuth },
  "example-collaboration": { dockerfile: "examples/app/collaboration/Dockerfile", inputs: exampleCollaboration },
  "example-web": { dockerfile: "examples/app/web/Dockerfile", inputs: exampleWeb },
  "example-dawparser": { dockerfile: "examples/app/dawparser/Dockerfile", inputs: exampleDawparser },
} as const satisfies Record<string, { dockerfile: string; inputs: readonly string[] }>;

/** An image of this repository. */
export type ImageName = keyof typeof table;

/** All of them. */
export const imageNames = Object.keys(table) as ImageName[];

/** Those that the demo and the cluster suite run. */
export const clusterImages = [
  "operator",
  "postgres",
  "database-proxy",
  "gateway",
  "queue",
  "nats",
  "example-api",
] as const satisfies readonly ImageName[];

/** The example's other services, for what runs the whole platform: it asks for them by name, since they take minutes to build. */
export const platformImages = [
  "example-auth",
  "example-collaboration",
  "example-dawparser",
  "example-web",
] as const satisfies readonly ImageName[];

/** What builds images: buildah without a daemon, or docker where its daemon answers. */
export type Builder = "buildah" | "docker";

/** Archives of older versions of an image that are kept, for the other checkouts' and branches' sake. */
const keptVersions = 4;
/** How often an image is built anew when its files change meanwhile. */
const buildAttempts = 3;
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
 * the same time build once. Errors: ClusterError for a name that is none, or when the inputs change faster than they can
 * be built; CommandError with the builder's words.
 */
export async function buildImages(
  names: readonly ImageName[],
  progress: Progress,
  builder?: Builder,
): Promise<NamedImage[]> {
  for (const name of names) {
    if (!(name in table)) throw new ClusterError(`no such image: ${name}; there are ${imageNames.join(", ")}`);
  }
  const images = await Promise.all(names.map(imageOf));
  const missing = await Promise.all(images.map(async ({ archive }) => !(await exists(archive))));
  if (!missing.includes(true)) return images;
  const chosen = builder ?? ((await hasDocker()) ? "docker" : "buildah");
  if (chosen === "buildah") await ensurePackages(progress);
  return withLock(`images:${cacheDirectory()}`, progress, async () => {
    await mkdir(folder(), { recursive: true });
    const built: NamedImage[] = [];
    for (const name of names) built.push(await ensureImage(name, chosen, progress));
    return built;
  });
}

/** An image of this repository at its inputs' present state. */
export interface NamedImage extends Image {
  readonly name: ImageName;
}

async function imageOf(name: ImageName): Promise<NamedImage> {
  const ref = await imageRef(name);
  return { name, ref, archive: join(folder(), `${ref.replace(/[/:]/g, "-")}.tar`) };
}

/**
 * The files of an image, unpacked below the cache, for tests that run its programs on this machine; returns the folder,
 * which nobody may change. They are those of the present Dockerfile, but what it copies may be older: a test brings the
 * sources that it is about itself. Builds the image where there is none. Errors: those of buildImages.
 */
export async function unpackedImage(name: ImageName, progress: Progress): Promise<string> {
  const key = await inputsHash(root, [table[name].dockerfile]);
  const target = join(cacheDirectory(), "unpacked", `${name}-${key}`);
  if (await exists(target)) return target;
  const [image] = await buildImages([name], progress);
  return withLock(`unpacked:${target}`, progress, async () => {
    if (image && !(await exists(target))) await unpack(image.archive, target);
    return target;
  });
}

/** Layers over each other. No Dockerfile of ours removes what a lower layer has, so there are no whiteouts to heed. */
async function unpack(archive: string, target: string): Promise<void> {
  const unfinished = `${target}.new`;
  const packed = `${target}.packed`;
  for (const folder of [unfinished, packed]) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
  }
  await run("tar", ["-xf", archive, "-C", packed]);
  const manifest: [{ Layers: string[] }] = JSON.parse(await readFile(join(packed, "manifest.json"), "utf8"));
  for (const layer of manifest[0].Layers) await run("tar", ["-xf", join(packed, layer), "-C", unfinished]);
  await rm(packed, { recursive: true });
  await rename(unfinished, target);
}

/** Somebody may edit a file while it is built: what the tag says and what is inside would differ, so it is built again. */
async function ensureImage(name: ImageName, builder: Builder, progress: Progress): Promise<NamedImage> {
  for (let attempt = 0; attempt < buildAttempts; attempt++) {
    const image = await imageOf(name);
    if (await exists(image.archive)) return image;
    await progress.step(`Image ${name}`, (inner) => build(image, builder, inner));
    if ((await imageRef(name)) === image.ref) {
      await removeOldArchives(image);
      return image;
    }
    await rm(image.archive);
  }
  throw new ClusterError(`the files of image ${name} change while it is built: try again when they are saved`);
}

async function build(image: NamedImage, builder: Builder, progress: Progress): Promise<void> {
  const dockerfile = join(root, table[image.name].dockerfile);
  if (builder === "buildah") {
    await new Buildah(cacheDirectory()).build(image.ref, dockerfile, root, image.archive, progress);
    return;
  }
  const options = { deadlineMs: dockerDeadlineMs, onOutput: (text: string) => progress.note(text) };
  await run("docker", ["build", "--tag", image.ref, "--file", dockerfile, root], options);
  await run("docker", ["save", "--output", `${image.archive}.new`, image.ref], options);
  await rename(`${image.archive}.new`, image.archive);
}

async function removeOldArchives(image: NamedImage): Promise<void> {
  const series = (file: string) => file.replace(/[0-9a-f]{12}\.tar$/, "");
  const archives = (await readdir(folder())).filter((file) => series(file) === series(basename(image.archive)));
  const dated = await Promise.all(
    archives.map(async (file) => ({ file, at: (await stat(join(folder(), file))).mtimeMs })),
  );
  dated.sort((a, b) => b.at - a.at);
  for (const { file } of dated.slice(keptVersions)) await rm(join(folder(), file), { force: true });
}

function folder(): string {
  return join(cacheDirectory(), "images");
}
