// What a page without this script does with one form post, with a bar for each file instead:
// choose or drop files, watch them go, see them in the list.
"use strict";

(() => {
  document.documentElement.classList.add("js");
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const board = document.querySelector("[data-progress]");
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const waiting = [];
  let busy = false;

  input.addEventListener("change", () => {
    add(input.files);
    input.value = "";
  });

  // A file that misses the area must not replace the page.
  for (const type of ["dragover", "drop"]) {
    document.addEventListener(type, (event) => event.preventDefault());
  }
  form.addEventListener("dragover", () => form.classList.add("over"));
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    form.classList.remove("over");
    add(event.dataTransfer.files);
  });

  function add(files) {
    for (const file of files) waiting.push({ file, row: rowFor(file) });
    next();
  }

  // One at a time: each bar means something, and the database has one writer.
  async function next() {
    if (busy) return;
    busy = true;
    while (waiting.length) {
      const { file, row } = waiting.shift();
      if (row.cancelled) continue;
      await send(file, row);
      await refresh();
    }
    busy = false;
  }

  function send(file, row) {
    return new Promise((resolve) => {
      const data = new FormData();
      data.append("csrfmiddlewaretoken", token);
      data.append("files", file);
      const request = new XMLHttpRequest();
      row.request = request;
      request.open("POST", form.action);
      request.setRequestHeader("Accept", "application/json");
      request.responseType = "json";
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) row.show(event.loaded / event.total);
      });
      request.upload.addEventListener("load", () => row.wait());
      request.addEventListener("load", () => {
        const outcome = request.status === 200 && request.response && request.response.outcomes[0];
        if (outcome) row.end(outcome.message, outcome.stored);
        else row.end(`“${file.name}” was not stored: the site answered ${request.status}.`, false);
      });
      request.addEventListener("error", () => {
        row.end(`“${file.name}” was not stored: the site cannot be reached.`, false);
      });
      request.addEventListener("abort", () => row.end(`“${file.name}” was cancelled.`, false));
      request.addEventListener("loadend", resolve);
      request.send(data);
    });
  }

  function rowFor(file) {
    const item = document.createElement("li");
    const line = document.createElement("div");
    line.className = "line";
    const name = document.createElement("span");
    name.textContent = file.name;
    const state = document.createElement("output");
    state.setAttribute("aria-live", "off"); // the bar says it to those who ask, not every percent
    state.textContent = "waiting";
    const cancel = document.createElement("button");
    cancel.type = "button";
    cancel.className = "button quiet";
    cancel.textContent = "Cancel";
    cancel.setAttribute("aria-label", `Cancel ${file.name}`);
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", `Upload of ${file.name}`);
    line.append(name, state, cancel);
    item.append(line, bar);
    board.append(item);
    board.hidden = false;

    const row = {
      cancelled: false,
      request: null,
      show(fraction) {
        bar.value = Math.floor(fraction * 100);
        state.textContent = `${bar.value} %`;
      },
      wait() {
        bar.value = 100;
        state.textContent = "storing …";
      },
      end(message, stored) {
        item.className = stored ? "done" : "failed";
        item.setAttribute("role", stored ? "status" : "alert");
        item.textContent = message;
      },
    };
    cancel.addEventListener("click", () => {
      row.cancelled = true;
      if (row.request) row.request.abort();
      else row.end(`“${file.name}” was cancelled.`, false);
    });
    return row;
  }

  // The list comes from the server as it is now, so that it has one description: the template.
  async function refresh() {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    document.querySelector("#stored").replaceWith(page.querySelector("#stored"));
  }
})();
