import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { memberPods, signalPostgres } from "../support/members.ts";
import { privilegedNamespace, type Signal, signalComponent } from "../support/node-process.ts";
import { platform, platformName } from "../support/platform.ts";
import { untilStemHub } from "../support/ready.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { StudioPage } from "../support/studio-page.ts";
import { adminKubectl, environment, inNamespace } from "../support/suite.ts";

/*
 * The whole platform of examples/production.yaml, and musicians before its pages while parts of it really are away: what
 * they read, what they can still do, and what has become of their work afterwards. With SCREENSHOTS=FOLDER (npm run
 * screenshots) each outage leaves a picture.
 */
const kubectl = inNamespace("e2e-pages");
const sentences = {
  database: "Your work is safe. Changes are paused and will be possible again shortly",
  storage: "Working offline - changes will sync when reconnected",
  collaboration: "Live collaboration is paused - your own work is saved as usual",
  dawParsing: "Advanced features temporarily unavailable",
  auth: "Signing in is not possible right now - if you are signed in, you can keep working",
};
const session = `<REAPER_PROJECT 0.1 "7.22/linux-x86_64" 1
  TEMPO 93.25 4 4
  <TRACK
    NAME Drums
  >
>
`;

let nodes: typeof kubectl;
let storage: Relay;
let browser: Browser;
let origin: string;
let closeForward: () => void = () => undefined;
let ada: StudioPage;

beforeAll(async () => {
  const { images, storage: to } = environment();
  storage = await startRelay(kubectl, { name: "storage", image: images.postgres, to, scheme: "http" });
  const objects = await platform(kubectl.namespace, storage.endpoint);
  nodes = await privilegedNamespace(adminKubectl(), "e2e-pages-nodes");
  await kubectl.apply(...objects);
  browser = await launchBrowser();
  await untilStemHub(kubectl, platformName);
  const forward = await kubectl.portForward(`service/${platformName}-gateway`, 443);
  origin = `https://127.0.0.1:${forward.port}`;
  closeForward = forward.close;
  // Images and packages, the first time.
}, 1_200_000);

afterAll(async () => {
  await browser?.close();
  closeForward();
  await adminKubectl().delete("namespace/e2e-pages-nodes");
});

test("while all is well, a page says nothing, and shows what is made", async () => {
  ada = await StudioPage.open(browser, origin);
  await says(ada, "");
  await ada.signUp("Ada");
  await ada.page.getByLabel("New project").waitFor();
  // Of a StemHub that has just begun a gateway may not have the keys of sign-in yet: the page asks again by itself.
  await expect.poll(() => ada.statusOfProjects(), inTime).toBe(200);
  await ada.createProject("Blue Room");
  await shows(ada, ["Blue Room"]);
  await ada.openProject("Blue Room");
}, 120_000);

test("given standbys that hang, so that no write is acknowledged, then changes are kept and shown as pending, and made afterwards", async () => {
  const { primary } = (await untilStemHub(kubectl, platformName)).status?.database ?? {};
  const standbys = (await memberPods(kubectl, platformName)).filter((pod) => pod !== primary);
  const signal = (name: "STOP" | "CONT") => Promise.all(standbys.map((pod) => signalPostgres(kubectl, pod, name)));
  await signal("STOP");
  try {
    await says(ada, sentences.database);
    await ada.page.reload();
    await shows(ada, ["Blue Room"]);
    await ada.createProject("Afterglow");
    await shows(ada, ["Blue Room", "Afterglow (pending)"]);
    await ada.upload("Blue Room", "loop.wav", "a loop");
    await expect.poll(() => ada.uploadTold.textContent(), inTime).toContain("Saved for later");
    await ada.rename("Blue Room", "Red Room");
    await shows(ada, ["Red Room (pending)", "Afterglow (pending)"]);
    await picture(ada, "database");
  } finally {
    await signal("CONT");
  }
  await says(ada, "");
  await shows(ada, ["Red Room", "Afterglow"]);
  await expect.poll(() => ada.uploadTold.textContent(), inTime).toBe("loop.wav is uploaded.");
  await ada.page.reload();
  await shows(ada, ["Red Room", "Afterglow"]);
  await ada.openProject("Red Room");
  await expect.poll(() => ada.versions(), inTime).toEqual(["Upload of loop.wav: stored, without tempo and tracks"]);
}, 180_000);

test("given storage that is away, then a file stays in the page, all else goes on, and the file is sent when storage is back", async () => {
  await storage.cut();
  try {
    await says(ada, sentences.storage);
    await ada.upload("Afterglow", "vocals.wav", "la la la");
    await expect.poll(() => ada.uploadTold.textContent(), inTime).toBe(sentences.storage);
    await ada.rename("Afterglow", "Dawn");
    await shows(ada, ["Red Room", "Dawn"]);
    await picture(ada, "storage");
  } finally {
    await storage.mend();
  }
  await says(ada, "");
  await expect.poll(() => ada.uploadTold.textContent(), inTime).toBe("vocals.wav is uploaded.");
}, 120_000);

test("given no DAW parsing, then a session is stored without tempo, and the next one is read", async () => {
  await scale("dawparser", 0);
  try {
    await says(ada, sentences.dawParsing);
    await ada.openProject("Dawn");
    await ada.upload("Dawn", "song.rpp", session);
    await expect.poll(() => ada.uploadTold.textContent(), inTime).toBe("song.rpp is uploaded.");
    await expect.poll(() => ada.versions(), inTime).toContain("Upload of song.rpp: stored, without tempo and tracks");
    await picture(ada, "daw-parsing");
  } finally {
    await scale("dawparser", 1);
  }
  await says(ada, "");
  await ada.upload("Dawn", "again.rpp", session);
  await expect.poll(() => ada.versions(), inTime).toContain("Upload of again.rpp: 93.25 BPM, 1 track");
}, 120_000);

test("given collaboration that hangs and is killed, then notes are written on, and all copies are merged", async () => {
  const plugin = await signedIn("Ada");
  await plugin.openProject("Dawn");
  await ada.notes.fill("Verse: too long.");
  await expect.poll(() => plugin.notes.inputValue(), inTime).toBe("Verse: too long.");
  await signal("collaboration", "src/main.ts", "STOP");
  try {
    await says(ada, sentences.collaboration);
    await ada.notes.pressSequentially(" Chorus: louder.");
    await plugin.notes.focus();
    await plugin.page.keyboard.press("Control+Home");
    await plugin.notes.pressSequentially("Intro: fine. ");
    expect(await ada.notes.inputValue()).toBe("Verse: too long. Chorus: louder.");
    await picture(ada, "collaboration");
  } finally {
    await signal("collaboration", "src/main.ts", "KILL");
  }
  await says(ada, "");
  const merged = "Intro: fine. Verse: too long. Chorus: louder.";
  await expect.poll(() => ada.notes.inputValue(), inTime).toBe(merged);
  await expect.poll(() => plugin.notes.inputValue(), inTime).toBe(merged);
  await plugin.close();
}, 120_000);

test("given a sign-in service that hangs, then who is signed in works on, and who is not reads why", async () => {
  const bob = await StudioPage.open(browser, origin);
  await signal("auth", "stemhub_auth", "STOP");
  try {
    await says(bob, sentences.auth);
    await bob.signIn("Ada");
    await expect.poll(() => bob.told.textContent(), inTime).toBe(sentences.auth);
    await ada.createProject("Night drive");
    await shows(ada, ["Red Room", "Dawn", "Night drive"]);
    await picture(bob, "auth");
  } finally {
    await signal("auth", "stemhub_auth", "CONT");
  }
  await says(bob, "");
  await bob.signIn("Ada");
  await shows(bob, ["Red Room", "Dawn", "Night drive"]);
  await bob.close();
}, 120_000);

/** Longer than any capability takes to be told or to be well again on two busy processors. */
const inTime = { timeout: 60_000, interval: 250 };

function says(musician: StudioPage, sentence: string): Promise<void> {
  return expect.poll(() => musician.notice.textContent(), inTime).toBe(sentence);
}

function shows(musician: StudioPage, projects: readonly string[]): Promise<void> {
  return expect.poll(() => musician.projects(), inTime).toEqual(projects);
}

async function signedIn(name: string): Promise<StudioPage> {
  const musician = await StudioPage.open(browser, origin);
  await musician.signIn(name);
  return musician;
}

async function picture({ page }: StudioPage, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
}

async function scale(deployment: string, replicas: number): Promise<void> {
  await kubectl.run(["scale", `deployment/${deployment}`, `--replicas=${replicas}`]);
}

/** Signals the process of a component's one pod. */
function signal(component: string, command: string, name: Signal): Promise<void> {
  const { postgres: image } = environment().images;
  return signalComponent(kubectl, { component, command, nodes, image }, name);
}
