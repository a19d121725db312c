
// The table of clips is written from data, some rows at a time: there can be tens of thousands.
const data = JSON.parse(document.getElementById("data").textContent);
const DASH = "\u2013";
const AT_ONCE = 200;

// As Python's formats: fixed decimals, or three significant digits.
function shown(value, decimals) {
  if (value === null) return DASH;
  const number = Number(value);
  if (!Number.isFinite(number)) return number > 0 ? "\u221e" : "-\u221e";
  if (decimals !== null) return number.toFixed(decimals);
  return Math.abs(number) >= 100 ? number.toFixed(0) : number ? number.toPrecision(3) : "0";
}

function cellsOf({ tokenizers, clips, decimals }, [tokenizer, clip, ...values]) {
  const [name, domain, width, height, frames, fps] = clips[clip];
  const area = width && height ? width * height : null;
  const words = [name, domain, tokenizers[tokenizer]].map((text) => ({ text: text || DASH, key: text }));
  const number = (value, text) => ({ text: value === null ? DASH : text, key: value === null ? "" : String(value) });
  return [
    ...words,
    number(area, `${width}\u00d7${height}`),
    number(frames, String(frames)),
    number(fps, String(fps && Number(fps.toPrecision(4)))),
    ...values.map((value, i) => number(value, shown(value, decimals[i]))),
  ];
}

for (const input of document.querySelectorAll("input[data-table]")) {
  const table = document.getElementById(input.dataset.table);
  const rows = data[input.dataset.table].rows.map((row) => {
    const cells = cellsOf(data[input.dataset.table], row);
    return { cells, words: cells.slice(0, 3).map(({ text }) => text).join(" ").toLowerCase() };
  });
  const count = input.closest("p").querySelector("output");
  const more = input.closest("p").querySelector("button");
  let limit = AT_ONCE;

  const write = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.filter((row) => words.every((word) => row.words.includes(word)));
    table.tBodies[0].replaceChildren(
      ...found.slice(0, limit).map(({ cells }) => {
        const line = document.createElement("tr");
        cells.forEach(({ text, key }, i) => {
          const cell = line.insertCell();
          cell.textContent = text;
          cell.dataset.key = key;
          if (i > 2) cell.className = "number";
        });
        return line;
      }),
    );
    const all = found.length === rows.length ? `${rows.length} rows` : `${found.length} of ${rows.length} rows`;
    count.textContent = found.length > limit ? `${all}, the first ${limit} shown` : all;
    more.hidden = found.length <= limit;
    more.textContent = `Show ${found.length}`;
  };

  input.addEventListener("input", () => {
    limit = AT_ONCE;
    write();
  });
  more.addEventListener("click", () => {
    limit = Infinity;
    write();
  });
  for (const header of table.tHead.rows[0].cells) {
    header.firstElementChild.addEventListener("click", () => {
      const { numeric, direction } = turn(header);
      const order = compareKeys(numeric, direction);
      rows.sort((a, b) => order(a.cells[header.cellIndex], b.cells[header.cellIndex]));
      write();
    });
  }
  write();
}
