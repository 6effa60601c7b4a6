// The pictures of the README: 1280 pixels wide, light.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { draw, open } from "./browser.mjs";

const BYTES_MAX = 150_000;

export async function takePictures(browser, url, folder) {
  const { page, isFine, close } = await open(browser, url, { colorScheme: "light" });
  const take = async (name, height) => {
    await page.setViewportSize({ width: 1280, height });
    const path = `${folder}/${name}.png`;
    await page.screenshot({ path });
    assert.ok(statSync(path).size < BYTES_MAX, `${path} is too large`);
  };
  await page.goto("/");
  await take("overview", 720);
  await page.goto("/pipeline");
  await take("pipeline", 960);
  const sql = `-- How strongly people move, by how far their foot is from the sensor.
select
  distancefromobject / 10 * 10 as distance,
  count(*) as readings,
  round(avg(sqrt(x * x + y * y + z * z)), 3) as acceleration
from training_set
group by 1
order by distance`;
  await page.goto(`/sql?sql=${encodeURIComponent(sql)}`);
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+Enter");
  await page.locator(".virtual").waitFor();
  await draw(page, { x: "distance", y: ["readings"] });
  await page.locator(".plot canvas").waitFor();
  await page.evaluate(() => window.scrollTo(0, 0));
  await take("sql", 1240);
  isFine("pictures");
  await close();
  return `pictures in ${folder}`;
}
