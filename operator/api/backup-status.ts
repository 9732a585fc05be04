import { z } from "zod";
import { field } from "./primitives.ts";

const archiveStatusSchema = z
  .object({
    state: z
      .enum(["Starting", "Archiving", "Behind", "Failing"])
      .meta(
        field(
          "Starting: members restart, and archive from then on. Archiving: what is written is safe in the repository within seconds. Behind: it takes longer. Failing: nothing arrives.",
        ),
      ),
    since: z.string().max(32).meta(field("When the state was first seen, as RFC 3339.")),
    message: z
      .string()
      .max(1024)
      .meta(field("What it is and what to do, in a sentence; figures are those of that moment.")),
  })
  .meta(field("How the write-ahead log gets into the repository. PostgreSQL keeps what has not arrived."));

/** How the write-ahead log gets into the repository. */
export type ArchiveStatus = z.output<typeof archiveStatusSchema>;

/** What the operator reports of backups. */
export const backupStatusSchema = z
  .object({ archive: archiveStatusSchema.optional() })
  .meta(field("The backups, where the spec has some."));

/** What the operator reports of backups. */
export type BackupStatus = z.output<typeof backupStatusSchema>;
