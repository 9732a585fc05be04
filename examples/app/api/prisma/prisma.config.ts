import { PrismaPg } from "@prisma/adapter-pg";
import { defineConfig } from "prisma/config";

/** PostgreSQL's type `name`, which the adapter does not know, and `text`, which holds the same. */
const nameOid = 19;
const textOid = 25;

/**
 * The engine bounds its wait for the advisory lock by a timer that it never clears, and the process lives as long as
 * that does. While it waits, its query keeps the process; afterwards the timer need not.
 */
const advisoryLockMs = 10_000;
const { setTimeout } = globalThis;
globalThis.setTimeout = Object.defineProperties((callback, ms, ...args) => {
  const timer = setTimeout(callback, ms, ...args);
  return ms === advisoryLockMs ? timer.unref() : timer;
}, Object.getOwnPropertyDescriptors(setTimeout));

/** Prisma's schema engine as WebAssembly on node-postgres: nothing is downloaded, and nothing but /tmp is written. */
export default defineConfig({
  schema: "schema.prisma",
  migrations: { path: "migrations" },
  experimental: { adapter: true },
  engine: "js",
  adapter: async () => {
    // Idle connections would keep the process, and so the release, waiting for 10 s after the last migration.
    const factory = new PrismaPg({ connectionString: process.env.DATABASE_URL, allowExitOnIdle: true });
    for (const method of ["connect", "connectToShadowDb"]) {
      const original = factory[method].bind(factory);
      factory[method] = async () => mapNames(await original());
    }
    return factory;
  },
});

function mapNames(adapter) {
  const performIO = adapter.performIO.bind(adapter);
  adapter.performIO = async (query) => {
    const result = await performIO(query);
    for (const field of result.fields) if (field.dataTypeID === nameOid) field.dataTypeID = textOid;
    return result;
  };
  return adapter;
}
