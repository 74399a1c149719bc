"""The page of an attention: every kind, layer and head, in one file."""

import json
import os
import pathlib

import numpy as np

from kzoo.cli.attention_reading import AttentionMap
from kzoo.files import replacing


def write_attention_page(
    maps: list[AttentionMap], path: str | os.PathLike, *, title: str = ""
) -> None:
    """Write one HTML file that shows what each token reads, and loads nothing else.

    Args:
        maps: The attentions to choose from.
        path: The file to write.
        title: What stands above.
    """
    content = {
        "title": title,
        "maps": [
            {
                "name": one.name,
                "readers": one.readers,
                "read": one.read,
                # Thousandths: what an eye can tell apart, in a third of the bytes.
                "scores": np.rint(one.scores * 1000).astype(int).tolist(),
            }
            for one in maps
        ],
    }
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    # "</script>" in a text would end the script.
    page = _PAGE.replace("@DATA@", data.replace("<", "\\u003c"))
    with replacing(path) as temporary:
        pathlib.Path(temporary).write_text(page, encoding="utf-8")


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Attention</title>
<style>
  :root { color-scheme: light dark; --ink: 31 78 121; --paper: #fff; --text: #111827;
    --grey: #6b7280; --line: #d8dbe0; }
  @media (prefers-color-scheme: dark) { :root { --ink: 125 180 230; --paper: #14171c;
    --text: #e8eaed; --grey: #9aa2ad; --line: #343a43; } }
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem;
    max-width: 70rem; background: var(--paper); color: var(--text); }
  h1 { font-size: 1.1rem; font-weight: 600; }
  label { margin-right: 1.2rem; color: var(--grey); }
  select { font: inherit; color: inherit; background: var(--paper);
    border: 1px solid var(--line); border-radius: 4px; padding: .1rem .3rem; }
  .row { margin: .8rem 0; line-height: 2.2; }
  .row small { color: var(--grey); display: block; line-height: 1.2; }
  .token { padding: .15rem .3rem; margin: 0 1px; border-radius: 4px; cursor: default;
    border: 1px solid transparent; white-space: pre; }
  .token.on { border-color: rgb(var(--ink)); }
  #said { min-height: 1.5em; color: var(--grey); }
  .map { overflow: auto; }
  table { border-collapse: collapse; font-size: 12px; }
  td { width: 1.5em; min-width: 1.5em; height: 1.5em; border: 1px solid var(--line); }
  th { font-weight: 400; white-space: pre; color: var(--grey); }
  thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left;
    padding: .2rem 0; }
  tbody th { text-align: right; padding: 0 .4rem; }
  th.on { color: var(--text); font-weight: 600; }
</style>
</head>
<body>
<h1 id="title"></h1>
<p>
  <label>attention <select id="kind"></select></label>
  <label>layer <select id="layer"></select></label>
  <label>head <select id="head"></select></label>
</p>
<div class="row"><small>readers: point at a token to see what it reads</small>
  <span id="readers"></span></div>
<div class="row"><small>read: point at a token to see who reads it</small>
  <span id="read"></span></div>
<p id="said"></p>
<div class="map"><table id="map"></table></div>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = id => document.getElementById(id);
const make = (tag, text, cls) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (cls) node.className = cls;
  return node;
};
const options = (select, names, chosen) => {
  select.replaceChildren(...names.map((name, index) => {
    const option = make("option", name);
    option.value = index;
    return option;
  }));
  select.value = chosen;
};
at("title").textContent = data.title || "Attention";
let rows = [], kind, spans = {};

function kinds() {
  kind = data.maps[at("kind").value];
  options(at("layer"), kind.scores.map((_, i) => i + 1), kind.scores.length - 1);
  const heads = kind.scores[0].map((_, i) => i + 1);
  options(at("head"), ["mean", ...heads], 0);
  draw();
}

function draw() {
  const layer = kind.scores[at("layer").value];
  const head = Number(at("head").value);
  rows = head ? layer[head - 1] : layer[0].map((row, t) => row.map((_, s) =>
    layer.reduce((sum, one) => sum + one[t][s], 0) / layer.length));
  for (const side of ["readers", "read"]) {
    spans[side] = kind[side].map((token, index) => {
      const span = make("span", token, "token");
      span.onmouseenter = () => point(side, index);
      span.onmouseleave = clear;
      return span;
    });
    at(side).replaceChildren(...spans[side]);
  }
  const top = make("tr");
  top.append(make("th"), ...kind.read.map(token => make("th", token)));
  const body = make("tbody");
  rows.forEach((row, t) => {
    const line = make("tr");
    line.append(make("th", kind.readers[t]));
    row.forEach((value, s) => {
      const cell = make("td");
      cell.style.background = shade(value);
      cell.onmouseenter = () => {
        clear();
        spans.readers[t].classList.add("on");
        spans.read[s].classList.add("on");
        say(t, s);
      };
      cell.onmouseleave = clear;
      line.append(cell);
    });
    body.append(line);
  });
  const head_ = make("thead");
  head_.append(top);
  at("map").replaceChildren(head_, body);
}

const shade = value => `rgb(var(--ink) / ${(value / 1000).toFixed(3)})`;
const percent = value => `${(value / 10).toFixed(1)} %`;
const say = (t, s) => {
  at("said").textContent =
    `${kind.readers[t]} reads ${kind.read[s]} by ${percent(rows[t][s])}`;
};

function point(side, index) {
  clear();
  spans[side][index].classList.add("on");
  const other = side === "readers" ? "read" : "readers";
  const values = side === "readers" ? rows[index] : rows.map(row => row[index]);
  let most = 0;
  values.forEach((value, i) => {
    spans[other][i].style.background = shade(value);
    if (value > values[most]) most = i;
  });
  if (side === "readers") say(index, most); else say(most, index);
}

function clear() {
  for (const span of [...spans.readers, ...spans.read]) {
    span.classList.remove("on");
    span.style.background = "";
  }
  at("said").textContent = "";
}

options(at("kind"), data.maps.map(map => map.name), 0);
at("kind").onchange = kinds;
at("layer").onchange = draw;
at("head").onchange = draw;
kinds();
</script>
</body>
</html>
"""
