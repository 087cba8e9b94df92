import { GeoJSONSource, Map as MapLibre, ScaleControl, setWorkerUrl } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url';
import 'maplibre-gl/dist/maplibre-gl.css';
import type { FeatureCollection } from 'geojson';
import type { CityView, IncidentView, WhyAnswer } from '../api/types';
import { boundsOf, incidentDots, sightLines, uncertainty, viewAreas, viewCameras, whyShapes } from './shapes';
import { MAP_FONT, mapStyle } from './style';

setWorkerUrl(workerUrl);

const FLY_MS = 900;
const CLOSEST_ZOOM = 17.2;
const PADDING_PX = 90;
/** A dot is small and a hand is not: cameras so near to a click are meant. */
const REACH_PX = 6;
const MOST_CAMERAS = 12;

export interface MapEvents {
  picked(lon: number, lat: number): void;
  incident(id: string): void;
  /** Cameras at a spot; false where nobody wants to know of them, and the click means the spot. */
  cameras(ids: string[]): boolean;
}

/** The dots of all cameras, and over them the chosen ones. */
const CAMERA_LAYERS = ['cameras', 'camera'] as const;

/** The map of the city: the hub's tiles, and over them the incidents and what their cameras see. */
export class CityMap {
  private readonly map: MapLibre;
  private readonly loaded: Promise<void>;

  private constructor(
    container: HTMLElement,
    city: CityView,
    private readonly events: MapEvents,
  ) {
    this.map = new MapLibre({
      container,
      style: mapStyle(location.origin),
      bounds: city.bounds,
      fitBoundsOptions: { padding: 20 },
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      maxZoom: 19,
      fadeDuration: 0,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new ScaleControl({ unit: 'metric' }), 'bottom-right');
    this.loaded = new Promise((resolve) => this.map.once('load', () => resolve()));
    this.listen();
  }

  /** Loads the map's font first: text that is drawn before it would stay in the wrong face. */
  static async open(container: HTMLElement, city: CityView, events: MapEvents): Promise<CityMap> {
    await Promise.all(
      ['400', '700'].map((weight) => document.fonts.load(`${weight} 16px "${MAP_FONT}"`, '가A1')),
    );
    return new CityMap(container, city, events);
  }

  setDistricts(shapes: FeatureCollection, names: FeatureCollection): void {
    this.draw('districts', shapes);
    this.draw('names', names);
  }

  setIncidents(incidents: readonly IncidentView[], selected: IncidentView | undefined): void {
    this.draw('incidents', incidentDots(incidents, selected?.id ?? null));
    this.draw('uncertainty', uncertainty(selected));
    this.draw('areas', viewAreas(selected));
    this.draw('lines', sightLines(selected));
    this.draw('cameras', viewCameras(selected));
  }

  /** What one camera sees, what stands before it, and its line to the place. */
  setWhy(why: WhyAnswer | null): void {
    this.draw('why', whyShapes(why));
    if (why && !this.map.getBounds().contains(why.at)) {
      this.map.fitBounds([why.at, why.place], { padding: PADDING_PX, maxZoom: CLOSEST_ZOOM, duration: FLY_MS });
    }
  }

  /** Brings the incident and its cameras into the picture; jumps where motion is not wanted. */
  goTo(incident: IncidentView): void {
    const [west, south, east, north] = boundsOf(incident);
    this.map.fitBounds([west, south, east, north], {
      padding: PADDING_PX,
      maxZoom: CLOSEST_ZOOM,
      duration: FLY_MS,
    });
  }

  setAiming(aiming: boolean): void {
    this.map.getCanvas().style.cursor = aiming ? 'crosshair' : '';
  }

  centre(): [number, number] {
    const { lng, lat } = this.map.getCenter();
    return [lng, lat];
  }

  /** Where a position lies in the map's box, in pixels. */
  project(lon: number, lat: number): { x: number; y: number } {
    return this.map.project([lon, lat]);
  }

  focus(): void {
    this.map.getCanvas().focus();
  }

  close(): void {
    this.map.remove();
  }

  private listen(): void {
    this.map.on('click', (event) => {
      const hit = this.map.queryRenderedFeatures(event.point, { layers: ['incidents'] })[0];
      const id: unknown = hit?.properties['id'];
      if (typeof id === 'string') this.events.incident(id);
      else if (!this.meetsCamera(event.point)) this.events.picked(event.lngLat.lng, event.lngLat.lat);
    });
    this.map.on('movestart', () => delete this.map.getContainer().dataset['centre']);
    this.map.on('idle', () => {
      const { lng, lat } = this.map.getCenter();
      this.map.getContainer().dataset['centre'] = [lng, lat, this.map.getZoom()].join();
    });
    for (const layer of CAMERA_LAYERS) {
      this.map.on('mouseenter', layer, () => this.map.getCanvas().classList.add('over-camera'));
      this.map.on('mouseleave', layer, () => this.map.getCanvas().classList.remove('over-camera'));
    }
  }

  private meetsCamera({ x, y }: { x: number; y: number }): boolean {
    const box: [[number, number], [number, number]] = [
      [x - REACH_PX, y - REACH_PX],
      [x + REACH_PX, y + REACH_PX],
    ];
    const found = this.map.queryRenderedFeatures(box, { layers: [...CAMERA_LAYERS] });
    const ids = new Set(found.map((f): unknown => f.properties['id']).filter((id) => typeof id === 'string'));
    return ids.size > 0 && this.events.cameras([...ids].sort().slice(0, MOST_CAMERAS));
  }

  private draw(source: string, data: FeatureCollection): void {
    void this.loaded.then(() => {
      const found = this.map.getSource(source);
      if (found instanceof GeoJSONSource) void found.setData(data);
    });
  }
}
