import { readFileSync } from "node:fs";
import type { StemHub } from "../../api/stemhub.ts";
import { contentHash } from "../content-hash.ts";
import { StalledError } from "../stalled.ts";

/** What PostgreSQL says of one of its parameters (view pg_settings). */
interface Setting {
  readonly type: "bool" | "integer" | "real" | "enum" | "string";
  /** postmaster: a new value needs a restart. internal: nobody can set it. */
  readonly context: string;
  /** The unit of a number that is written without one, and of its bounds: 8kB, ms, … */
  readonly unit: string;
  readonly min: string;
  readonly max: string;
  /** The words of an enum. */
  readonly words: readonly string[];
}

/** Every parameter of PostgreSQL 17, from a server of the image: e2e database compares them. */
const settings: ReadonlyMap<string, Setting> = new Map(
  readFileSync(new URL("./settings-17.tsv", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [name = "", type, context = "", unit = "", min = "", max = "", words = ""] = line.split("\t");
      return [name, { type: type as Setting["type"], context, unit, min, max, words: words.split(",") }];
    }),
);

/** Units in bytes and in ms; each family is a unit of its own. Source: https://www.postgresql.org/docs/17/config-setting.html */
const units: readonly Readonly<Record<string, number>>[] = [
  { B: 1, kB: 2 ** 10, "8kB": 2 ** 13, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 },
  { us: 1e-3, ms: 1, s: 1e3, min: 6e4, h: 3.6e6, d: 8.64e7 },
];

/** What is wrong with parameters, a sentence each; empty when PostgreSQL will take them all. */
export function parameterProblems(parameters: Readonly<Record<string, string>>): string[] {
  return Object.entries(parameters).flatMap(([name, value]) => {
    // A name with a dot belongs to a library, which alone knows it.
    if (name.includes(".")) return [];
    const setting = settings.get(name);
    if (!setting || setting.context === "internal") return [`${name} is no parameter of PostgreSQL 17`];
    const wrong = valueProblem(setting, value.trim());
    return wrong ? [`${name}: ${value} ${wrong}`] : [];
  });
}

function valueProblem(setting: Setting, value: string): string | undefined {
  switch (setting.type) {
    case "bool":
      return /^(on|off|true|false|yes|no|1|0)$/i.test(value) ? undefined : "is not on or off";
    case "enum":
      return setting.words.includes(value.toLowerCase()) ? undefined : `is none of ${setting.words.join(", ")}`;
    case "integer":
    case "real":
      return numberProblem(setting, value);
    case "string":
      return undefined;
  }
}

function numberProblem({ unit, min, max }: Setting, value: string): string | undefined {
  const [, number = "", suffix = ""] = /^([-+]?[0-9]*\.?[0-9]+)\s*([A-Za-z]*)$/.exec(value) ?? [];
  if (number === "") return "is not a number";
  const family = units.find((one) => unit in one);
  const factor = suffix === "" ? 1 : (family?.[suffix] ?? Number.NaN) / (family?.[unit] ?? Number.NaN);
  if (Number.isNaN(factor)) return family ? `has no unit of ${Object.keys(family).join(", ")}` : "takes no unit";
  const amount = Number(number) * factor;
  return amount < Number(min) || amount > Number(max) ? `is not between ${min}${unit} and ${max}${unit}` : undefined;
}

/** The spec's parameters. Throws StalledError where PostgreSQL would refuse one: it would not start again. */
export function checkedParameters({ spec }: StemHub): Readonly<Record<string, string>> {
  const { parameters = {} } = spec.database;
  const problems = parameterProblems(parameters);
  if (problems.length === 0) return parameters;
  throw new StalledError(
    "InvalidParameters",
    `spec.database.parameters: ${problems.join("; ")}. The database is left as it is.`,
  );
}

/** Changes when a parameter changes that only a restart takes up; undefined where there is none. */
export function restartHash({ spec }: StemHub): string | undefined {
  const needing = Object.entries(spec.database.parameters ?? {})
    .filter(([name]) => settings.get(name)?.context === "postmaster")
    .sort(([a], [b]) => a.localeCompare(b));
  return needing.length === 0 ? undefined : contentHash(JSON.stringify(needing));
}
