"use client";

import { type FormEvent, useCallback, useEffect, useState } from "react";
import { type Pending, type Project, shown } from "../platform/changes.ts";
import type { ModeDocument } from "../platform/mode.ts";
import { ask, change, type Outcome, type Refused } from "../platform/requests.ts";
import { OpenProject } from "./open-project.tsx";
import { Upload } from "./upload.tsx";
import { usePending } from "./use-pending.ts";

/** The user's projects: to create, to rename, to upload to, to open. What was saved for later shows at once, as pending. */
export function Projects({ user, mode }: { readonly user: string; readonly mode: ModeDocument | undefined }) {
  const [projects, setProjects] = useState<readonly Project[]>([]);
  const [told, setTold] = useState("");
  const [unread, setUnread] = useState<Refused>();
  const [opened, setOpened] = useState<string>();
  const [uploads, setUploads] = useState(0);

  const list = useCallback(async () => {
    const found = await ask<Project[]>("/api/projects");
    if (found.kind === "done") setProjects(found.value);
    setUnread(found.kind === "refused" ? found : undefined);
  }, []);
  useEffect(() => {
    if (unread === undefined) return;
    const timer = setTimeout(() => void list(), unread.retryAfterSeconds * 1_000);
    return () => clearTimeout(timer);
  }, [list, unread]);
  const settled = useCallback(
    (failed: readonly Pending[]) => {
      const names = failed.map(({ name }) => `"${name}"`).join(", ");
      setTold(failed.length > 0 ? `This could not be saved after all: ${names}. Please do it again.` : "");
      void list();
    },
    [list],
  );
  const { pending, add } = usePending(user, settled);
  // biome-ignore lint/correctness/useExhaustiveDependencies: with each new mode there may be something new to read
  useEffect(() => void list(), [list, mode?.epoch]);

  async function save(name: string, project?: string) {
    const key = crypto.randomUUID();
    const answer: Outcome<Project> =
      project === undefined
        ? await change("POST", "/api/projects", { name }, key)
        : await change("PATCH", `/api/projects/${project}`, { name }, key);
    if (answer.kind === "queued") {
      add({ key, name, status: answer.status, ...(project === undefined ? {} : { project }) });
      setTold(answer.message);
    } else {
      setTold(answer.kind === "refused" ? answer.detail : "");
    }
    await list();
  }

  function create(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name"));
    event.currentTarget.reset();
    void save(name);
  }

  const open = projects.find(({ id }) => id === opened);
  return (
    <section>
      <h2>Projects</h2>
      <form onSubmit={create}>
        <label>
          New project
          <input name="name" required maxLength={200} />
        </label>
        <button type="submit">Create</button>
      </form>
      <p className="told" role="alert">
        {told || unread?.detail}
      </p>
      <ul aria-label="Projects">
        {shown(projects, pending).map(({ key, id, name, pending: waits }) => (
          <li key={key} className={waits ? "pending" : undefined}>
            <span>
              {name}
              {waits ? " (pending)" : ""}
            </span>
            {id === undefined ? null : (
              <span>
                <button type="button" onClick={() => setOpened(id)}>
                  Open
                </button>
                <Rename name={name} save={(to) => save(to, id)} />
              </span>
            )}
          </li>
        ))}
      </ul>
      <Upload projects={projects} mode={mode} done={() => setUploads((count) => count + 1)} />
      {open === undefined ? null : <OpenProject key={open.id} project={open} uploads={uploads} />}
    </section>
  );
}

function Rename({ name, save }: { readonly name: string; readonly save: (name: string) => Promise<void> }) {
  const [editing, setEditing] = useState(false);
  function done(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setEditing(false);
    void save(String(new FormData(event.currentTarget).get("name")));
  }
  if (!editing) {
    return (
      <button type="button" onClick={() => setEditing(true)}>
        Rename
      </button>
    );
  }
  return (
    <form onSubmit={done}>
      <input name="name" aria-label={`New name of ${name}`} defaultValue={name} required maxLength={200} />
      <button type="submit">Save</button>
    </form>
  );
}
