CREATE TABLE "applied_writes" (
    "user_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "request" TEXT NOT NULL,
    "answer" JSONB,
    "applied_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "applied_writes_pkey" PRIMARY KEY ("user_id", "key")
);
CREATE INDEX "applied_writes_applied_at_idx" ON "applied_writes"("applied_at");

CREATE TABLE "payments" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "user_id" UUID NOT NULL,
    "amount_cents" BIGINT NOT NULL,
    "currency" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "payments_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "payments_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "payments_user_id_created_at_idx" ON "payments"("user_id", "created_at");

-- What a DAW's file says of itself: tempo and tracks. NULL until a parser has read it.
ALTER TABLE "versions" ADD COLUMN "session" JSONB;

CREATE TABLE "revoked_tokens" (
    "jti" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    CONSTRAINT "revoked_tokens_pkey" PRIMARY KEY ("jti")
);
CREATE INDEX "revoked_tokens_expires_at_idx" ON "revoked_tokens"("expires_at");

CREATE TABLE "revoked_subjects" (
    "user_id" UUID NOT NULL,
    "before" TIMESTAMPTZ NOT NULL,
    CONSTRAINT "revoked_subjects_pkey" PRIMARY KEY ("user_id"),
    CONSTRAINT "revoked_subjects_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
