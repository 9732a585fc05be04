import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parseAllDocuments } from "yaml";
import { chooseCluster } from "../cluster/choose.ts";
import { buildImages, platformImages } from "../cluster/images.ts";
import { consoleProgress } from "../progress.ts";
import type { WrittenStemHub } from "./studio.ts";
import { environment } from "./suite.ts";

/** The StemHub of examples/production.yaml. */
export const platformName = "stemhub";

/** Kubernetes' objects as they are written, as far as this file looks into them. */
interface Written {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/**
 * The whole platform: examples/production.yaml as small as it can be, with the example's services of this checkout, and
 * what it needs beside it. What decides how it behaves is as a reader sees it: routes, auth, the components' settings.
 *
 * @param namespace where it is to be
 * @param storage URL by which it reaches the object store
 * Errors: those of buildImages, the first time.
 */
export async function platform(namespace: string, storage: string): Promise<readonly object[]> {
  const images = await builtImages();
  const [studio] = (await example("production.yaml")) as unknown as [WrittenStemHub];
  const parser = (await example("dawparser.yaml")).map((object) => withImage(object, images["example-dawparser"]));
  return [...secrets(), ...parser, small(studio, images, { namespace, storage })];
}

type PlatformImages = Readonly<Record<(typeof platformImages)[number], string>>;

async function builtImages(): Promise<PlatformImages> {
  const progress = consoleProgress();
  const { cluster } = await chooseCluster();
  const built = await buildImages(platformImages, progress);
  await cluster.loadImages(built, progress);
  return Object.fromEntries(built.map(({ name, ref }) => [name, ref])) as PlatformImages;
}

async function example(file: string): Promise<readonly Written[]> {
  const text = await readFile(new URL(`../../examples/${file}`, import.meta.url), "utf8");
  return parseAllDocuments(text).map((document) => document.toJS() as Written);
}

/** One pod of each part, but for the database: with one member it is never read-only. */
function small(
  { spec, ...rest }: WrittenStemHub,
  images: PlatformImages,
  { namespace, storage }: { readonly namespace: string; readonly storage: string },
): WrittenStemHub {
  const written = spec as unknown as {
    readonly release: object;
    readonly components: Readonly<Record<string, object>>;
    readonly gateway: { readonly routes: object };
    readonly queue: object;
    readonly modes: { readonly probes: object };
  };
  const own = {
    api: environment().images.exampleApi,
    web: images["example-web"],
    auth: images["example-auth"],
    collaboration: images["example-collaboration"],
  };
  const often = { periodSeconds: 1 };
  return {
    ...rest,
    spec: {
      ...spec,
      release: { ...written.release, images: own },
      database: { instances: 3, synchronous: "required", storage: { size: "1Gi" } },
      storage: {
        endpoint: storage,
        bucket: environment().storage.bucket,
        credentialsSecret: { name: "stemhub-r2" },
      },
      components: Object.fromEntries(
        Object.entries(written.components).map(([name, component]) => [name, onePod(component)]),
      ),
      dawParsing: { url: `http://dawparser.${namespace}.svc:8080` },
      gateway: { replicas: 1, routes: written.gateway.routes },
      queue: { ...written.queue, replicas: 1, storage: { size: "256Mi" } },
      modes: { probes: { storage: often, collaboration: often, auth: often, dawParsing: often } },
      deletionPolicy: "Delete",
    },
  };
}

function onePod(component: object): object {
  const { volumes = [], ...written } = component as { volumes?: readonly { claim?: object }[]; autoscaling?: object };
  delete written.autoscaling;
  return {
    ...written,
    replicas: { min: 1 },
    resources: { requests: { cpu: "20m", memory: "64Mi" }, limits: { memory: "512Mi" } },
    terminationGracePeriodSeconds: 10,
    volumes: volumes.map(({ claim, ...volume }) => (claim ? { ...volume, emptyDir: {} } : volume)),
  };
}

function withImage(object: Written, image: string): object {
  if (object.kind !== "Deployment") return object;
  const { template, ...spec } = object.spec as { template: { spec: { containers: object[] } } };
  const containers = template.spec.containers.map((container) => ({ ...container, image }));
  return { ...object, spec: { ...spec, template: { ...template, spec: { ...template.spec, containers } } } };
}

/** What an admin makes beforehand, as examples/app/README.md says. */
function secrets(): readonly object[] {
  const { accessKeyId, secretAccessKey } = environment().storage;
  const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const secret = (name: string, stringData: Readonly<Record<string, string>>) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name },
    stringData,
  });
  return [
    secret("stemhub-jwt", { secret: randomBytes(32).toString("base64url") }),
    secret("stemhub-auth-keys", { "2026-01.pem": key.export({ type: "pkcs8", format: "pem" }).toString() }),
    secret("stemhub-r2", { accessKeyId, secretAccessKey }),
  ];
}
