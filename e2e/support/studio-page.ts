import type { Browser, BrowserContext, Locator, Page } from "playwright-core";

/** Longer than any answer of a platform in trouble: its own deadlines are 15 s. */
const patienceMs = 45_000;

/** Somebody before the example's web app, in a browser of their own: what they see, and what they do. */
export class StudioPage {
  readonly page: Page;
  readonly #context: BrowserContext;

  private constructor(page: Page, context: BrowserContext) {
    this.page = page;
    this.#context = context;
  }

  /** @param origin `https://…` of a gateway; its certificate is not looked at, since a browser has no file of authorities. */
  static async open(browser: Browser, origin: string): Promise<StudioPage> {
    const viewport = { width: 800, height: 640 };
    const context = await browser.newContext({ baseURL: origin, ignoreHTTPSErrors: true, viewport });
    context.setDefaultTimeout(patienceMs);
    const page = await context.newPage();
    await page.goto("/");
    return new StudioPage(page, context);
  }

  close(): Promise<void> {
    return this.#context.close();
  }

  /** What does not work now, in the page's own words; empty when all does. */
  get notice(): Locator {
    return this.page.locator("p.notice");
  }

  /** What became of the last thing that was done with projects, or of signing in. */
  get told(): Locator {
    return this.page.getByRole("alert").filter({ hasText: /./ }).first();
  }

  /** The status of what the page reads first, by whoever is signed in. */
  statusOfProjects(): Promise<number> {
    return this.page.evaluate(async () => (await fetch("/api/projects")).status);
  }

  /** What became of a file. */
  get uploadTold(): Locator {
    return this.page.locator("section p.told[role=status]");
  }

  /** Lines of the list of projects, a change that is not made yet marked as pending. */
  projects(): Promise<string[]> {
    return this.#rows.locator("> span:first-child").allTextContents();
  }

  /** Lines of the list of versions of the project that is open. */
  versions(): Promise<string[]> {
    return this.page.getByRole("list", { name: "Versions" }).getByRole("listitem").allTextContents();
  }

  get notes(): Locator {
    return this.page.getByLabel("Notes");
  }

  async signUp(name: string): Promise<void> {
    await this.page.getByRole("button", { name: "I am new here" }).click();
    await this.page.getByLabel("Name").fill(name);
    await this.#enter(name, "Sign up");
  }

  async signIn(name: string): Promise<void> {
    await this.#enter(name, "Sign in");
  }

  async createProject(name: string): Promise<void> {
    await this.page.getByLabel("New project").fill(name);
    await this.page.getByRole("button", { name: "Create" }).click();
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#row(from).getByRole("button", { name: "Rename" }).click();
    await this.page.getByLabel(`New name of ${from}`).fill(to);
    await this.page.getByRole("button", { name: "Save" }).click();
  }

  async openProject(name: string): Promise<void> {
    await this.#row(name).getByRole("button", { name: "Open" }).click();
  }

  /** Chooses a file, and sends it to a project. */
  async upload(project: string, name: string, content: string): Promise<void> {
    await this.page.getByRole("combobox", { name: "Project" }).selectOption({ label: project });
    const file = { name, mimeType: "application/octet-stream", buffer: Buffer.from(content) };
    await this.page.getByLabel("File").setInputFiles(file);
    await this.page.getByRole("button", { name: "Upload" }).click();
  }

  get #rows(): Locator {
    return this.page.getByRole("list", { name: "Projects" }).getByRole("listitem");
  }

  #row(project: string): Locator {
    return this.#rows.filter({ hasText: project });
  }

  async #enter(name: string, button: string): Promise<void> {
    await this.page.getByLabel("Address").fill(`${name.toLowerCase()}@example.com`);
    await this.page.getByLabel("Password").fill(`${name}-password`);
    await this.page.getByRole("button", { name: button, exact: true }).click();
  }
}
