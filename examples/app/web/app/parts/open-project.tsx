"use client";

import { useEffect, useState } from "react";
import type { Project } from "../platform/changes.ts";
import { ask } from "../platform/requests.ts";
import { told, type Version } from "../platform/versions.ts";
import { Notes } from "./notes.tsx";

/** One project: its notes, and its versions. `uploads`: how many files were sent, since each makes another version. */
export function OpenProject({ project, uploads }: { readonly project: Project; readonly uploads: number }) {
  const [versions, setVersions] = useState<readonly Version[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: after an upload there is something new to read
  useEffect(() => {
    void ask<Version[]>(`/api/projects/${project.id}/versions`).then((found) => {
      if (found.kind === "done") setVersions(found.value);
    });
  }, [project.id, uploads]);
  return (
    <article aria-label={project.name}>
      <h2>{project.name}</h2>
      <Notes project={project.id} />
      <ul aria-label="Versions">
        {versions.map((version) => (
          <li key={version.id}>{told(version)}</li>
        ))}
      </ul>
    </article>
  );
}
