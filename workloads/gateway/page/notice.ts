import { followMode, type Surroundings } from "./follow.ts";
import { sentencesOf } from "./sentences.ts";

/*
 * The notice for pages: <script src="/.well-known/stemhub/notice.js" defer></script>. Its words are put in as text, its look
 * is set property by property: so it works where only scripts and styles of the page's own origin do (script-src 'self';
 * style-src 'self').
 */

const mode = "/.well-known/stemhub/mode";

/** The page may keep a place for it, with a look of its own; else it lies over the page's lower edge, and moves nothing. */
function noticeElement(): { readonly element: HTMLElement; readonly isOverlay: boolean } {
  const place = document.querySelector<HTMLElement>("[data-stemhub-notice]");
  const element = place ?? document.body.appendChild(document.createElement("p"));
  element.setAttribute("role", "status");
  element.setAttribute("aria-live", "polite");
  return { element, isOverlay: place === null };
}

/** Nothing that it covers becomes impossible to click. */
const overlay: Partial<CSSStyleDeclaration> = {
  position: "fixed",
  inset: "auto 0 0",
  zIndex: "2147483647",
  margin: "0",
  textAlign: "center",
  font: "16px/1.5 system-ui, sans-serif",
  color: "#fff",
  background: "#b45309",
  pointerEvents: "none",
};

const surroundings: Surroundings = {
  ask: async () => {
    const answer = await fetch(mode, { cache: "no-cache" });
    if (!answer.ok) throw new Error(`${mode} answered ${answer.status}`);
    return await answer.text();
  },
  clock: {
    setTimer: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return { clear: () => clearTimeout(timer) };
    },
  },
  openStream: ({ opened, mode: tell, lost }) => {
    const source = new EventSource(`${mode}/events`);
    source.addEventListener("open", opened);
    source.addEventListener("mode", (event) => tell(event.data));
    source.addEventListener("error", () => lost(source.readyState === EventSource.CLOSED));
    return source;
  },
};

function show(): void {
  const { element, isOverlay } = noticeElement();
  if (isOverlay) Object.assign(element.style, overlay);
  followMode(surroundings, (document) => {
    const text = sentencesOf(document).join(" · ");
    // The same words again would be read aloud again.
    if (element.textContent !== text) element.textContent = text;
    if (isOverlay) element.style.padding = text === "" ? "0" : "12px 16px";
  });
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", show, { once: true });
else show();
