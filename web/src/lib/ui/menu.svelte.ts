/** The one menu that may be open: beside the button that opened it, or a sheet from below on a phone. */
import type { IconName } from './icons';

export interface MenuItem {
  id: string;
  label: string;
  icon?: IconName;
  hint?: string;
  /** `radio` and `check` show whether they are `checked`; a `heading` is no choice. */
  kind?: 'item' | 'radio' | 'check' | 'heading';
  checked?: boolean;
  danger?: boolean;
  disabled?: boolean;
  /** A key that does the same. */
  keys?: string;
  badge?: number;
  /** A line above it. */
  apart?: boolean;
  /** The menu stays open: a switch, or a choice to be tried. */
  stays?: boolean;
  run?: () => void;
}

interface OpenMenu {
  anchor: HTMLElement;
  label: string;
  items: () => MenuItem[];
}

class Menus {
  current = $state.raw<OpenMenu>();

  /** Opens, or closes when it is open at this button already. */
  toggle(anchor: HTMLElement, label: string, items: () => MenuItem[]): void {
    if (this.current?.anchor === anchor) this.close();
    else this.current = { anchor, label, items };
  }

  isOpen(anchor: HTMLElement | undefined): boolean {
    return anchor !== undefined && this.current?.anchor === anchor;
  }

  close(): void {
    const anchor = this.current?.anchor;
    this.current = undefined;
    if (anchor?.isConnected) anchor.focus({ preventScroll: true });
  }
}

export const menus = new Menus();
