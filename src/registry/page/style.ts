/** The page's looks: written by hand, light and dark, nothing from elsewhere. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --card: #ffffff; --line: #e1e5ea; --ink: #17202b; --soft: #5d6b7c;
  --accent: #0b6bcb; --accent-ink: #ffffff; --accent-soft: #e3effb; --deep: #0d2c4c;
  --danger: #b3261e; --danger-soft: #fdecea; --code: #eef1f5; --shadow: 0 1px 2px rgb(16 32 52 / .06), 0 4px 16px rgb(16 32 52 / .05);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0e141b; --card: #161e28; --line: #283341; --ink: #e6ebf1; --soft: #93a1b2;
    --accent: #5aa9f5; --accent-ink: #08131f; --accent-soft: #17304a; --deep: #0a1825;
    --danger: #ff8a80; --danger-soft: #3a1c1b; --code: #1e2834; --shadow: 0 1px 2px rgb(0 0 0 / .4);
  }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
.wide { width: 100%; max-width: 1120px; margin: 0 auto; padding: 0 24px; }
main { flex: 1; padding-top: 28px !important; padding-bottom: 48px !important; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0; letter-spacing: -.01em; overflow-wrap: anywhere; }
h1 i { font-style: normal; color: var(--soft); font-weight: 500; }
h2 { font-size: 17px; margin: 0; }
p { margin: 0; }
code, pre { font-family: var(--mono); font-size: 13px; }
.soft, small { color: var(--soft); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }

.top { background: var(--deep); color: #fff; }
.top .wide { display: flex; align-items: center; gap: 24px; height: 62px; }
.brand { display: flex; align-items: center; gap: 10px; color: #fff; font-size: 18px; white-space: nowrap; }
.brand:hover { text-decoration: none; }
.brand span { opacity: .95; }
.mark { width: 30px; height: 30px; fill: #7cc0ff; }
.mark .hull { fill: #fff; }
.search { flex: 1; max-width: 520px; }
.search input { width: 100%; border: 1px solid rgb(255 255 255 / .18); background: rgb(255 255 255 / .1); color: #fff; border-radius: 8px; padding: 9px 14px; font: inherit; }
.search input::placeholder { color: rgb(255 255 255 / .6); }
.search input:focus { background: rgb(255 255 255 / .18); }
.who { margin-left: auto; display: flex; align-items: center; gap: 12px; white-space: nowrap; }
.who form { margin: 0; }
.who .user::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%; background: #58d38c; margin-right: 8px; }
.top .quiet { color: #fff; border-color: rgb(255 255 255 / .35); background: transparent; }

.trail { font-size: 14px; margin-bottom: 10px; color: var(--soft); }
.trail a:last-of-type + i { display: none; }
.trail i { margin: 0 8px; font-style: normal; opacity: .6; }
.heading { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 6px 16px; margin: 0 0 16px; }
.copy + .heading { margin-top: 32px; }

button, .button { font: inherit; font-weight: 600; border: 1px solid var(--accent); background: var(--accent); color: var(--accent-ink); border-radius: 8px; padding: 7px 16px; cursor: pointer; display: inline-block; }
button:hover, .button:hover { filter: brightness(1.07); text-decoration: none; }
.quiet { background: transparent; color: var(--accent); border-color: var(--line); font-weight: 500; padding: 5px 13px; }
button.danger { background: var(--danger); border-color: var(--danger); color: var(--card); }
input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 7px 12px; }

.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); padding: 20px 22px; }
.cards { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px; }
.repository { display: grid; grid-template-columns: 44px 1fr auto; grid-template-areas: "letter name when" "letter facts when"; column-gap: 16px; align-items: center; color: var(--ink); padding: 14px 20px; }
.repository:hover { border-color: var(--accent); text-decoration: none; }
.letter { grid-area: letter; width: 44px; height: 44px; border-radius: 10px; display: grid; place-items: center; font-weight: 700; font-size: 19px; background: var(--accent-soft); color: var(--accent); }
.hue-1 { background: #e6f4ea; color: #1b7a3d; } .hue-2 { background: #fdf0e1; color: #a85a00; } .hue-3 { background: #f1eafc; color: #6b3fc0; }
.hue-4 { background: #fde9ef; color: #b02a5b; } .hue-5 { background: #e2f4f5; color: #0b757c; }
.repository .name { grid-area: name; font-weight: 650; font-size: 16px; overflow-wrap: anywhere; }
.repository .name i { font-style: normal; font-weight: 450; color: var(--soft); }
.repository .facts { grid-area: facts; display: flex; flex-wrap: wrap; gap: 8px; align-items: center; color: var(--soft); font-size: 14px; }
.when { grid-area: when; font-size: 14px; white-space: nowrap; }
.chip { display: inline-block; font-size: 12.5px; line-height: 1.5; padding: 1px 9px; border-radius: 99px; background: var(--code); border: 1px solid var(--line); color: var(--ink); white-space: nowrap; }
.chip.strong { background: var(--accent-soft); border-color: transparent; color: var(--accent); font-weight: 600; }
.chip.soft { color: var(--soft); }
.chips { display: flex; flex-wrap: wrap; gap: 6px; }

.copy { display: flex; align-items: center; gap: 12px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 8px 8px 8px 16px; }
.copy code { flex: 1; overflow-x: auto; white-space: nowrap; font-size: 14px; }
.copy code::before { content: "$ "; color: var(--soft); }
.copied { color: #2e9e5b; border-color: currentColor; }

table { width: 100%; border-collapse: separate; border-spacing: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); overflow: hidden; }
th { font-size: 12.5px; text-align: left; color: var(--soft); font-weight: 600; padding: 10px 16px; border-bottom: 1px solid var(--line); }
th.number { text-align: right; }
td { padding: 11px 16px; border-bottom: 1px solid var(--line); vertical-align: middle; }
tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: color-mix(in srgb, var(--accent-soft) 35%, transparent); }
td.chips { display: table-cell; }
td.chips .chip { margin: 2px 4px 2px 0; }
.tag { font-weight: 650; overflow-wrap: anywhere; }

.tabs { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 20px; }
.tabs a { border: 1px solid var(--line); background: var(--card); border-radius: 8px; padding: 6px 14px; color: var(--ink); }
.tabs a:hover { border-color: var(--accent); text-decoration: none; }
.tabs a[aria-current] { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); font-weight: 600; }
.tabs a[aria-current] small { color: inherit; opacity: .8; }
.summary { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin: 20px 0; }
.summary div { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 12px 18px; }
.summary .long { grid-column: 1 / -1; }
.summary dt { font-size: 12.5px; color: var(--soft); }
.summary dd { margin: 0; font-size: 18px; font-weight: 600; overflow-wrap: anywhere; }
.summary .long dd { font-size: 14px; font-weight: 400; }
.columns { display: grid; grid-template-columns: 3fr 2fr; gap: 16px; align-items: start; }
.card > h2 { margin-bottom: 14px; }
.steps { list-style: none; counter-reset: step; margin: 0; padding: 0; }
.steps li { counter-increment: step; position: relative; padding: 9px 0 9px 34px; border-top: 1px solid var(--line); }
.steps li:first-child { border-top: 0; }
.steps li::before { content: counter(step); position: absolute; left: 0; top: 9px; width: 22px; text-align: right; color: var(--soft); font-size: 12.5px; font-variant-numeric: tabular-nums; }
.command { display: block; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 8.4em; overflow-y: auto; }
.command b { color: var(--accent); }
.empty-step .command { opacity: .72; }
.layer { display: grid; grid-template-columns: 1fr 72px 150px; gap: 14px; align-items: center; margin-top: 5px; }
.bar { width: 100%; height: 7px; display: block; }
.bar .whole { fill: var(--code); }
.bar .part { fill: var(--accent); }
.config { margin: 0; }
.config dt { font-size: 12.5px; color: var(--soft); margin-top: 13px; }
.config dt:first-child { margin-top: 0; }
.config dd { margin: 2px 0 0; overflow-wrap: anywhere; }
.lines { list-style: none; margin: 0; padding: 0; }
.attached { list-style: none; margin: 0; padding: 0; }
.attached li { display: flex; flex-wrap: wrap; align-items: center; gap: 12px; padding: 8px 0; border-top: 1px solid var(--line); }
.attached li:first-child { border-top: 0; }
.attached .number { margin-left: auto; }
.columns + .card { margin-top: 16px; }

.pages { display: flex; gap: 12px; align-items: center; justify-content: center; margin-top: 20px; }
.empty { text-align: center; padding: 56px 16px; }
.empty > * + * { margin-top: 14px; }
.empty pre { display: inline-block; text-align: left; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 20px; overflow-x: auto; max-width: 100%; }
.danger summary { cursor: pointer; color: var(--danger); }
details.danger { margin-top: 32px; border: 1px solid var(--line); border-radius: 12px; padding: 12px 18px; }
details.danger[open] { border-color: var(--danger); background: var(--danger-soft); }
details.danger p { margin: 10px 0; }
.login { max-width: 420px; margin: 36px auto; padding: 28px 30px; }
.login label { display: block; margin-top: 16px; font-size: 14px; font-weight: 600; }
.login input { display: block; width: 100%; margin-top: 4px; padding: 9px 12px; }
.login button { width: 100%; margin-top: 22px; padding: 9px; }
.failure { background: var(--danger-soft); color: var(--danger); border-radius: 8px; padding: 9px 14px; margin-top: 14px; }
footer { display: flex; justify-content: space-between; padding-top: 16px !important; padding-bottom: 24px !important; color: var(--soft); font-size: 13px; }

@media (prefers-color-scheme: dark) {
  .hue-1 { background: #17331f; color: #7fd79b; } .hue-2 { background: #3a2812; color: #f0b36a; } .hue-3 { background: #2a2145; color: #bfa2f7; }
  .hue-4 { background: #3d1b29; color: #f59abb; } .hue-5 { background: #10343a; color: #74d3da; }
}
@media (max-width: 760px) {
  .wide { padding: 0 16px; }
  .top .wide { flex-wrap: wrap; height: auto; padding-top: 10px; padding-bottom: 10px; gap: 10px 16px; }
  .search { order: 3; flex-basis: 100%; max-width: none; }
  .columns { grid-template-columns: minmax(0, 1fr); }
  .summary { grid-template-columns: repeat(2, 1fr); }
  .repository { grid-template-columns: 44px 1fr; grid-template-areas: "letter name" "letter facts" "letter when"; }
  th:nth-child(5), td:nth-child(5), th:nth-child(4), td:nth-child(4) { display: none; }
  .layer { grid-template-columns: 1fr 72px; }
  .layer code { display: none; }
}
`;

/** The mark as an icon of the browser's tab. */
export const MARK_SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0d2c4c"/><g fill="#7cc0ff"><rect x="7" y="13" width="5" height="5" rx="1.2"/><rect x="13.5" y="13" width="5" height="5" rx="1.2"/><rect x="20" y="13" width="5" height="5" rx="1.2"/><rect x="13.5" y="6.5" width="5" height="5" rx="1.2"/></g><rect x="5" y="20" width="22" height="5" rx="2.5" fill="#fff"/></svg>`;

/** All the JavaScript there is: the copy buttons. Everything else works without. */
export const SCRIPT = `
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS browsers have no clipboard: mark the text, so that Ctrl+C takes it.
    const range = document.createRange();
    range.selectNodeContents(button.previousElementSibling);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  button.classList.add("copied");
  setTimeout(() => { button.textContent = "Copy"; button.classList.remove("copied"); }, 1600);
});
`;
