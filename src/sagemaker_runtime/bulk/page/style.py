"""The style sheet of the page: for screens, light or dark like the reader's system, and for print."""

from __future__ import annotations

STYLE = """
:root{--ground:#fff;--ink:#1d2229;--soft:#59626d;--line:#c9d0d7;--grid:#e9ecf0;--panel:#f5f7f9;--good:#1f7a4d;--bad:#b42318;
--blue:#2867b2;--teal:#0f7b83;--amber:#b26a00;--brown:#7a4a12;--violet:#6d3fa0;--violet2:#9a6cc9;--violet3:#b79ad6;--wait:#fbf1dc}
@media screen and (prefers-color-scheme:dark){:root{--ground:#14171b;--ink:#e4e8ec;--soft:#9ba5b0;--line:#434b54;--grid:#272d34;
--panel:#1c2126;--good:#5cc490;--bad:#f2857b;--blue:#6ca8ea;--teal:#4fc1c9;--amber:#e3a54a;--brown:#c59a66;--violet:#c3a1ee;
--violet2:#9b78cf;--violet3:#7a5ea8;--wait:#33290f}}
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1060px;margin:0 auto;padding:32px 28px 48px}
h1{font-size:28px;line-height:1.2;margin:2px 0 10px;font-weight:650;overflow-wrap:anywhere}
h2{font-size:19px;margin:44px 0 4px;font-weight:650}
p{margin:6px 0}
.kicker,.unit,.note,footer,small{color:var(--soft)}
.note span{display:inline-block;margin-right:14px}
.kicker{margin:0;font-size:14px}
.note,footer{font-size:13.5px;max-width:78ch}
.state{font-weight:600}.state.good{color:var(--good)}.state.bad{color:var(--bad)}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 18px;margin:14px 0 0;font-size:14px}
.facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:1px;margin:26px 0 0;background:var(--grid);border:1px solid var(--grid);
border-radius:8px;overflow:hidden}
.tiles div{background:var(--ground);padding:13px 16px 12px}
.tiles dt{color:var(--soft);font-size:13px}
.tiles dd{margin:0;font-size:23px;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}
.tiles dd small{display:block;font-size:13px;font-weight:400;line-height:1.4}
figure{margin:22px 0 0;break-inside:avoid}
figcaption{display:flex;flex-wrap:wrap;gap:0 8px;align-items:baseline;margin-bottom:6px}
.unit{font-size:13.5px}
.keys{display:flex;flex-wrap:wrap;gap:0 14px;margin-left:auto;font-size:13px;color:var(--soft)}
.keys bdi{color:var(--ink)}
.key{display:inline-block;width:16px;height:0;border-top:3px solid;margin-right:6px;vertical-align:4px}
.plot{display:grid;grid-template-columns:54px minmax(0,1fr)}
.pair{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:0 28px}
svg{display:block;overflow:visible}
svg text{font-size:12px;fill:var(--soft);font-variant-numeric:tabular-nums}
.end{text-anchor:end}.middle{text-anchor:middle}
.axis{stroke:var(--line)}.grid{stroke:var(--grid)}
.blue{stroke:var(--blue);fill:var(--blue);border-color:var(--blue)}.teal{stroke:var(--teal);fill:var(--teal);border-color:var(--teal)}
.amber{stroke:var(--amber);fill:var(--amber);border-color:var(--amber)}
.brown{stroke:var(--brown);fill:var(--brown);border-color:var(--brown)}
.bad{stroke:var(--bad);fill:var(--bad);border-color:var(--bad)}
.violet{stroke:var(--violet);fill:var(--violet);border-color:var(--violet)}
.violet2{stroke:var(--violet2);fill:var(--violet2);border-color:var(--violet2)}
.violet3{stroke:var(--violet3);fill:var(--violet3);border-color:var(--violet3)}
.ink{stroke:var(--ink);fill:var(--ink);border-color:var(--ink)}
.line{fill:none;stroke-width:1.75;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.area{stroke:none;fill-opacity:.14}
.line.ink{stroke-dasharray:5 3;stroke-width:1.25}.key.ink{border-top-style:dashed;border-top-width:2px}
.tip{fill:transparent;stroke:none}.tip:hover{fill:var(--ink);fill-opacity:.07}
.wait{fill:var(--wait)}.ground{fill:var(--ground)}.stop{fill:url(#hatch)}.hatch{stroke:var(--line);stroke-width:1.5}
.stopped{paint-order:stroke;stroke:var(--ground);stroke-width:4px;stroke-linejoin:round}
.resumed{stroke:var(--soft);stroke-dasharray:2 3}
.swatch{display:inline-block;width:16px;height:11px;border:1px solid var(--line);vertical-align:-1px;margin-right:4px}
.swatch.waiting{background:var(--wait)}
.swatch.stopping{background:repeating-linear-gradient(45deg,var(--line) 0 1.5px,transparent 1.5px 5px)}
table{border-collapse:collapse;max-width:100%;margin:12px 0 0;font-size:14px}
th{text-align:left;font-weight:600;color:var(--soft);font-size:13px}
th,td{padding:6px 32px 6px 0;border-bottom:1px solid var(--grid);vertical-align:top}
bdi{overflow-wrap:anywhere}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th:last-child,td:last-child{padding-right:0}
.scroll{overflow-x:auto}.scroll td{white-space:nowrap}.scroll td:first-child{white-space:normal;min-width:64px}
.letters{list-style:none;margin:12px 0 0;padding:0}
.letters li{padding:9px 0 10px;border-bottom:1px solid var(--grid);break-inside:avoid}
.letters p{margin:0;overflow-wrap:anywhere}
.letters .what{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,monospace;color:var(--soft);max-height:9em;overflow:hidden}
summary{cursor:pointer;margin-top:44px;font-size:19px;font-weight:650}
footer{margin-top:44px;padding-top:12px;border-top:1px solid var(--grid)}
code{font:13px ui-monospace,SFMono-Regular,Menlo,monospace;overflow-wrap:anywhere}
.defs{position:absolute}
@media (max-width:700px){main{padding:20px 16px 32px}h1{font-size:24px}.tiles{grid-template-columns:repeat(2,1fr)}
.tiles div{padding:11px 12px}.tiles dd{font-size:19px}.pair{grid-template-columns:minmax(0,1fr)}.wide{display:none}
.keys{margin-left:0;width:100%}.plot{grid-template-columns:46px minmax(0,1fr)}.labels{margin-left:-8px}
.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:6px}table{width:100%}th,td{padding-right:12px}svg text{font-size:11px}}
@media print{main{max-width:none;padding:0}body{font-size:10.5pt}.tiles dd{font-size:17px}details{display:none}h2{break-after:avoid;margin-top:24px}
tr{break-inside:avoid}.tiles,.wait,.stop,.area,.key,.swatch{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
""".strip()
"""CSS."""
