// Replaces the content of the page every few seconds by what the watcher knows then.
"use strict";

{
  const main = document.getElementById("main");
  const connection = document.getElementById("connection");
  let last = null;

  const tell = (text, isLost) => {
    // A text that is set again would be read out again.
    if (connection.textContent !== text) connection.textContent = text;
    connection.classList.toggle("lost", isLost);
  };

  const replace = (content) => {
    // The same content is not set again, so that a text that is selected stays so.
    if (content === last) return;
    const places = [...main.querySelectorAll(".scroll")].map((part) => [part.scrollLeft, part.scrollTop]);
    main.innerHTML = content;
    main.querySelectorAll(".scroll").forEach((part, k) => { [part.scrollLeft, part.scrollTop] = places[k] ?? [0, 0]; });
    last = content;
  };

  const update = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch("now", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      replace(await answer.text());
      tell("Live", false);
    } catch {
      tell("The watcher has ended, or can not be reached: this is what it showed last.", true);
    }
  };

  setInterval(update, 1000 * Number(document.body.dataset.refresh));
  document.addEventListener("visibilitychange", update);
}
