import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { Desk } from './desk/Desk.svelte';
import { makeKey } from './video/key';

const desk = new Desk(await makeKey());
void desk.open();
const target = document.getElementById('app');
if (target) mount(App, { target, props: { desk } });
