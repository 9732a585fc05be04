import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Progress } from "../../progress.ts";
import { run } from "../../support/command.ts";
import { exists, readIfPresent } from "../files.ts";

/** The name under which Dockerfiles know the base image, and its published name. */
export const baseImage = "docker.io/library/debian:trixie-slim";

/** A TLS-inspecting proxy's certificate is in here, where there is such a proxy. Given to builds as the secret `ca`. */
const hostCertificates = "/etc/ssl/certs/ca-certificates.crt";

const buildDeadlineMs = 30 * 60_000;

/** Image builds without a daemon: buildah, with its storage in the cache, and a base made of Debian's packages. */
export class Buildah {
  readonly #storage: readonly string[];
  readonly #images: string;

  /** @param cache the cache's directory */
  constructor(cache: string) {
    this.#images = join(cache, "images");
    this.#storage = [...["--root", join(cache, "buildah", "storage")], ...["--runroot", join(cache, "buildah", "run")]];
  }

  /** Builds a Dockerfile and writes the image as a docker-archive, whole or not at all. */
  async build(ref: string, dockerfile: string, context: string, archive: string, progress: Progress): Promise<void> {
    await this.base(progress);
    const secret =
      (await readIfPresent(hostCertificates)) === undefined ? [] : ["--secret", `id=ca,src=${hostCertificates}`];
    // chroot isolation needs no container runtime, and the host's network lets package managers reach their mirrors.
    const how = ["--layers", "--isolation", "chroot", "--network", "host", "--pull-never", ...secret];
    await this.#run(["bud", ...how, "--tag", ref, "--file", dockerfile, context], progress);
    await this.#save(ref, archive, progress);
  }

  /**
   * The base image, made once by mmdebstrap; returns its archive. What the published slim image leaves out is left out
   * here too, and apt keeps no package that it has downloaded: without these, images double.
   */
  async base(progress: Progress): Promise<string> {
    const archive = join(this.#images, "debian-trixie-slim.tar");
    if (await exists(archive)) return archive;
    await progress.step("Base image debian:trixie-slim", async (inner) => {
      const rootfs = join(this.#images, "trixie.rootfs.tar");
      await mkdir(this.#images, { recursive: true });
      const clean = 'DPkg::Post-Invoke { \\"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin\\"; };';
      const flags = [
        ...["--variant=minbase", "--format=tar"],
        ...["man", "locale", "doc"].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        `--customize-hook=echo "${clean}" >"$1/etc/apt/apt.conf.d/docker-clean"`,
      ];
      await runWithNotes("mmdebstrap", [...flags, "trixie", rootfs], inner);
      await this.#scratch(baseImage, rootfs, "/", ["--cmd", "/bin/bash", "--env", `PATH=${imagePath}`], inner);
      await this.#save(baseImage, archive, inner);
      await rm(rootfs);
    });
    return archive;
  }

  /** An image of one file, which is its entry point; returns its archive. */
  async singleFile(ref: string, file: string, archiveName: string, progress: Progress): Promise<string> {
    const archive = join(this.#images, archiveName);
    if (await exists(archive)) return archive;
    await mkdir(this.#images, { recursive: true });
    const path = `/${file.split("/").at(-1)}`;
    const config = ["--user", "65535:65535", "--entrypoint", JSON.stringify([path])];
    await this.#scratch(ref, file, path, config, progress);
    await this.#save(ref, archive, progress);
    return archive;
  }

  async #scratch(ref: string, source: string, target: string, config: readonly string[], progress: Progress) {
    const container = (await this.#run(["from", "scratch"], progress)).trim();
    await this.#run(["add", "--quiet", container, source, target], progress);
    await this.#run(["config", ...config, container], progress);
    await this.#run(["commit", "--quiet", "--rm", container, ref], progress);
  }

  async #save(ref: string, archive: string, progress: Progress): Promise<void> {
    const unfinished = `${archive}.new`;
    await rm(unfinished, { force: true });
    await this.#run(["push", "--quiet", ref, `docker-archive:${unfinished}:${ref}`], progress);
    await rename(unfinished, archive);
  }

  #run(args: readonly string[], progress: Progress): Promise<string> {
    return runWithNotes("buildah", [...this.#storage, ...args], progress);
  }
}

const imagePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

async function runWithNotes(program: string, args: readonly string[], progress: Progress): Promise<string> {
  const onOutput = (text: string) => progress.note(text.trim());
  return (await run(program, args, { deadlineMs: buildDeadlineMs, onOutput })).stdout;
}
