CREATE TABLE "versions" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "project_id" UUID NOT NULL,
    "parent_id" UUID,
    "author_id" UUID NOT NULL,
    "message" TEXT NOT NULL,
    "artifact_sha256" TEXT NOT NULL,
    "artifact_size" BIGINT NOT NULL,
    "daw" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "uploaded_at" TIMESTAMPTZ,
    CONSTRAINT "versions_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "versions_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "versions_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "versions"("id") ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "versions_author_id_fkey" FOREIGN KEY ("author_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "versions_project_id_created_at_idx" ON "versions"("project_id", "created_at");

CREATE TABLE "branches" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "project_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "head_id" UUID,
    CONSTRAINT "branches_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "branches_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "branches_head_id_fkey" FOREIGN KEY ("head_id") REFERENCES "versions"("id") ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "branches_project_id_name_key" ON "branches"("project_id", "name");
