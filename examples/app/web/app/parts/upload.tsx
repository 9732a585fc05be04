"use client";

import { type FormEvent, useEffect, useRef, useState } from "react";
import type { Project } from "../platform/changes.ts";
import { type ModeDocument, works } from "../platform/mode.ts";
import { ask, change, type Outcome, sendFile } from "../platform/requests.ts";

/** Bytes: the browser holds the whole file while it computes the digest. */
const largestFile = 512 * 1024 * 1024;

/** A file on its way, and what is done of it already. */
interface Task {
  readonly project: string;
  readonly file: File;
  readonly key: string;
  /** The path of its artifact, once its version is made. */
  artifact?: string;
}

type State =
  | { readonly at: "rest"; readonly told: string }
  | { readonly at: "sending"; readonly part: number }
  /** The file is kept here, and is sent when the platform can take it. */
  | { readonly at: "waiting"; readonly told: string; readonly seconds: number };

/** Uploads a file as a new version of a project. While it is refused for now, the file stays here and is tried again. */
export function Upload({
  projects,
  mode,
  done,
}: {
  readonly projects: readonly Project[];
  readonly mode: ModeDocument | undefined;
  readonly done: () => void;
}) {
  const [state, setState] = useState<State>({ at: "rest", told: "" });
  const task = useRef<Task>(undefined);
  const canBeSent = works(mode, "storage") && works(mode, "database");

  async function send() {
    if (!task.current) return;
    setState({ at: "sending", part: 0 });
    const answer = await upload(task.current, (part) => setState({ at: "sending", part }));
    const wait = waitAfter(answer);
    if (wait) return setState({ at: "waiting", ...wait });
    setState({ at: "rest", told: answer.kind === "done" ? `${task.current.file.name} is uploaded.` : told(answer) });
    task.current = undefined;
    done();
  }

  // While it is known that it cannot be sent nobody asks; a gateway that says so tells when it can.
  // biome-ignore lint/correctness/useExhaustiveDependencies: send is made anew each time, and reads only the task
  useEffect(() => {
    if (state.at !== "waiting" || !canBeSent) return;
    const timer = setTimeout(() => void send(), state.seconds * 1_000);
    return () => clearTimeout(timer);
  }, [state, canBeSent]);

  function begin(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const file = form.get("file") as File;
    if (file.size > largestFile) return setState({ at: "rest", told: "Files of up to 512 MiB can be uploaded here." });
    task.current = { project: String(form.get("project")), file, key: crypto.randomUUID() };
    void send();
  }

  return (
    <>
      <h2>Upload</h2>
      <form onSubmit={begin}>
        <label>
          Project
          <select name="project" required>
            {projects.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          File
          <input name="file" type="file" required />
        </label>
        <button type="submit" disabled={state.at !== "rest"}>
          Upload
        </button>
      </form>
      <progress aria-label="Upload" max={1} value={state.at === "sending" ? state.part : 0} />
      <p className="told" role="status">
        {state.at === "sending" ? `${Math.round(state.part * 100)} %` : state.told}
      </p>
    </>
  );
}

/** Goes on where it was: a version is made once, by the task's key. */
async function upload(task: Task, progress: (part: number) => void): Promise<Outcome<unknown>> {
  if (!task.artifact) {
    const made = await makeVersion(task);
    if (made.kind !== "done") return made;
    task.artifact = `/api/artifacts/${task.project}/${made.value.id}`;
  }
  return await sendFile(task.artifact, task.file, progress);
}

/**
 * What to tell, and when to ask again: of what cannot be done now, and of a version that was saved for later. Asked for
 * again under its key, the api answers with the version once it is made.
 */
function waitAfter(answer: Outcome<unknown>): { readonly told: string; readonly seconds: number } | undefined {
  switch (answer.kind) {
    case "done":
      return undefined;
    case "queued":
      return { told: answer.message, seconds: 3 };
    case "refused":
      if (answer.status !== 503 && answer.status !== 0) return undefined;
      return { told: answer.detail, seconds: answer.retryAfterSeconds };
  }
}

async function makeVersion({ project, file, key }: Task): Promise<Outcome<{ id: string }>> {
  const branches = await ask<{ id: string; name: string }[]>(`/api/projects/${project}/branches`);
  if (branches.kind !== "done") return branches as Outcome<{ id: string }>;
  const main = branches.value.find(({ name }) => name === "main") ?? branches.value[0];
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  const body = {
    message: `Upload of ${file.name}`.slice(0, 1000),
    artifact_sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    artifact_size: file.size,
    daw: /\.(als|rpp)$/i.exec(file.name)?.[1]?.toLowerCase() ?? "unknown",
  };
  return await change("POST", `/api/projects/${project}/branches/${main?.id}/versions`, body, key);
}

function told(answer: Outcome<unknown>): string {
  switch (answer.kind) {
    case "done":
      return "";
    case "queued":
      return answer.message;
    case "refused":
      return answer.detail;
  }
}
