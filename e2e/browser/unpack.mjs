// node unpack.mjs: unpacks Chromium to TMPDIR and prints where the executable is. The npm package carries it compressed.
import chromium from "@sparticuz/chromium";

// Nothing is drawn by a graphics card.
chromium.setGraphicsMode = false;
console.log(await chromium.executablePath());
