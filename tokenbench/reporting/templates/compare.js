
// Differences to the row that the reader chooses, below the scores of the others.
const SIGNS = { better: "\u25b2", worse: "\u25bc" };

function signed(value, decimals) {
  const text = shown(value, decimals);
  return text.startsWith("-") ? text : `+${text}`;
}

function compareWith(board, baseline) {
  const { metrics, decimals, verdicts, pairs } = data[board.id];
  for (const old of board.querySelectorAll(".delta")) old.remove();
  const rows = new Map([...board.tBodies[0].rows].map((row) => [Number(row.dataset.row), row]));
  const column = new Map([...board.tHead.rows[0].cells].map((cell) => [cell.dataset.metric, cell.cellIndex]));
  for (const [place, row] of rows) row.classList.toggle("baseline", place === baseline);
  for (const [from, to, metric, verdict, clips, difference, low, high, p] of pairs) {
    if (from !== baseline) continue;
    const note = document.createElement("small");
    const name = verdicts[verdict];
    note.className = `delta ${name.split(" ")[0]}`;
    const ends = [low, high].map((end) => shown(end, decimals[metric])).join(", ");
    note.textContent = `${SIGNS[name] || "\u2248"} ${signed(difference, decimals[metric])} [${ends}]`;
    note.title = `${name}: corrected p ${Number(p).toPrecision(2)}, over ${clips} clips`;
    rows.get(to).cells[column.get(metrics[metric])].append(note);
  }
}

for (const select of document.querySelectorAll("select[data-board]")) {
  const board = document.getElementById(select.dataset.board);
  const update = () => compareWith(board, select.value === "" ? null : Number(select.value));
  select.addEventListener("change", update);
  update();
}

document.documentElement.dataset.ready = "true";
