// What scrolls sideways can be scrolled from the keyboard: tables, outputs and formulas that are wider than the page.
const SCROLLING = ".md-typeset :is(.output, .math.display, .md-typeset__table, .highlight code)";

function makeFocusable() {
  for (const element of document.querySelectorAll(SCROLLING)) {
    const scrolls = element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight + 1;
    if (scrolls) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
}

addEventListener("load", makeFocusable);
addEventListener("resize", makeFocusable);
