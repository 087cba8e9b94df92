import type { GrantView, IncidentView, NodeView, ToConsole } from '../api/types';

/** All that the live socket has told so far. A value: each message gives a new one. */
export interface Live {
  viewer: string | null;
  incidents: ReadonlyMap<string, IncidentView>;
  nodes: ReadonlyMap<string, NodeView>;
  /** By incident, then by camera. */
  grants: ReadonlyMap<string, ReadonlyMap<string, GrantView>>;
}

export const NOTHING: Live = {
  viewer: null,
  incidents: new Map(),
  nodes: new Map(),
  grants: new Map(),
};

/** Ended incidents beyond this number are forgotten, oldest first. */
export const ENDED_KEPT = 60;

export function reduce(live: Live, message: ToConsole): Live {
  switch (message.type) {
    case 'snapshot':
      // The hub closed this console's grants when the socket went; it sends new ones.
      return {
        viewer: message.viewer,
        incidents: new Map(message.incidents.map((i) => [i.id, i])),
        nodes: new Map(message.nodes.map((n) => [n.node, n])),
        grants: new Map(),
      };
    case 'incident':
      return withIncident(live, message.incident);
    case 'node':
      return { ...live, nodes: new Map(live.nodes).set(message.node.node, message.node) };
    case 'grants':
      return withGrants(live, message.incident, message.grants);
    case 'beat':
      return live;
    default:
      return unknown(live, message);
  }
}

function withIncident(live: Live, incident: IncidentView): Live {
  const known = live.incidents.get(incident.id);
  if (known && known.revision > incident.revision) return live;
  const incidents = new Map(live.incidents).set(incident.id, incident);
  if (incident.state === 'open') return { ...live, incidents };
  const grants = new Map(live.grants);
  grants.delete(incident.id);
  return { ...live, incidents: forgetOld(incidents), grants };
}

function withGrants(live: Live, incident: string, fresh: GrantView[]): Live {
  const known = live.incidents.get(incident);
  if (known && known.state !== 'open') return live;
  const byCamera = new Map(live.grants.get(incident));
  for (const grant of fresh) byCamera.set(grant.camera, grant);
  return { ...live, grants: new Map(live.grants).set(incident, byCamera) };
}

function forgetOld(incidents: Map<string, IncidentView>): Map<string, IncidentView> {
  const ended = [...incidents.values()].filter((i) => i.state !== 'open').sort(newestFirst);
  for (const old of ended.slice(ENDED_KEPT)) incidents.delete(old.id);
  return incidents;
}

/** Order of the list: open ones first, each part newest first. */
export function inOrder(incidents: Iterable<IncidentView>): IncidentView[] {
  const rank = (i: IncidentView) => (i.state === 'open' ? 0 : 1);
  return [...incidents].sort((a, b) => rank(a) - rank(b) || newestFirst(a, b));
}

function newestFirst(a: IncidentView, b: IncidentView): number {
  return Date.parse(b.received_at) - Date.parse(a.received_at);
}

/** A newer hub may say things this console does not know: they change nothing. */
function unknown(live: Live, _message: never): Live {
  return live;
}
