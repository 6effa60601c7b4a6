//! The styles of pages, for light and dark screens, narrow ones, and paper.

/// The rules of the page. Zones have colours that people who do not tell red from green
/// tell apart.
pub(super) const STYLE: &str = "
:root {
  --ink: #1c1f24; --paper: #ffffff; --soft: #f3f5f8; --rule: #d4d9e0; --faint: #5a6472;
  --landing: #8a5a00; --trusted: #00609c; --curated: #6a3d9a;
  --ok: #00609c; --warn: #8a5a00; --fail: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e8eb; --paper: #15181c; --soft: #1f242a; --rule: #3a424c; --faint: #a3adba;
    --landing: #e0a840; --trusted: #6db8f2; --curated: #c3a0f0;
    --ok: #6db8f2; --warn: #e0a840; --fail: #ff8a80;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 78rem;
  font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
}
h1 { margin: 0 0 .5rem; font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.2rem; border-bottom: 1px solid var(--rule); padding-bottom: .2rem; }
h3 { margin: 1.8rem 0 .3rem; font-size: 1.02rem; overflow-wrap: anywhere; }
p { margin: .4rem 0; }
.kind { margin: 0; color: var(--faint); font-size: .85rem; }
.note { color: var(--faint); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; font-size: .9rem; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow: auto; max-width: 100%; }
table { border-collapse: collapse; margin: .4rem 0; font-size: .88rem; }
caption { text-align: left; color: var(--faint); padding-bottom: .2rem; }
th, td { border-bottom: 1px solid var(--rule); padding: .22rem .7rem .22rem 0; text-align: left; vertical-align: top; }
th { color: var(--faint); font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.value { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .8rem; white-space: nowrap; }
td { white-space: nowrap; }
td.words { white-space: normal; min-width: 16rem; }
a { color: inherit; }
.masked, .null { color: var(--faint); }
.null { font-style: italic; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .88em; overflow-wrap: anywhere; }
.result { border: 1px solid var(--rule); border-left-width: 6px; border-radius: 6px; padding: .6rem 1rem; background: var(--soft); margin: 1.2rem 0; }
.result p:first-child { font-size: 1.15rem; font-weight: 700; }
.result.is-ok { border-left-color: var(--ok); }
.result.is-warn { border-left-color: var(--warn); }
.result.is-fail { border-left-color: var(--fail); }
.ok { color: var(--ok); white-space: nowrap; }
.warn { color: var(--warn); font-weight: 700; white-space: nowrap; }
.fail { color: var(--fail); font-weight: 700; white-space: nowrap; }
.zone { font-size: .78rem; border: 1px solid; border-radius: 3px; padding: 0 .3rem; white-space: nowrap; }
.zone.landing { color: var(--landing); }
.zone.trusted { color: var(--trusted); }
.zone.curated { color: var(--curated); }
.zone.system { color: var(--faint); }
.drawing { overflow: auto; max-height: 85vh; border: 1px solid var(--rule); border-radius: 6px; }
details { margin: .4rem 0; }
summary { cursor: pointer; color: var(--faint); }
footer { margin-top: 3rem; color: var(--faint); font-size: .85rem; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
@media (max-width: 44rem) { .extra { display: none; } }
@media print {
  :root {
    --ink: #000; --paper: #fff; --soft: #fff; --rule: #999; --faint: #444;
    --landing: #8a5a00; --trusted: #00609c; --curated: #6a3d9a; --ok: #00609c; --warn: #8a5a00; --fail: #b3261e;
  }
  body { max-width: none; font-size: 11px; padding: 0; }
  .drawing, .scroll { max-height: none; overflow: visible; border: 0; }
  svg.graph { max-width: 100%; height: auto; }
  details::details-content { content-visibility: visible; }
  h2, h3 { break-after: avoid; }
  tr { break-inside: avoid; }
  td, td.value, td.words { white-space: normal; overflow-wrap: anywhere; min-width: 0; }
}
";
