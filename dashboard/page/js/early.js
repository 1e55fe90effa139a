// Runs before anything is drawn, so that a chosen colour scheme does not flash up as another one.
{
  let chosen = null;
  try {
    chosen = localStorage.getItem("binance-kafka.theme");
  } catch {
    // Storage may be forbidden; then the system's scheme it is.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
