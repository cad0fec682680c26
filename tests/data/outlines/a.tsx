export function App({ name }: Props): JSX.Element { return <div>{name}</div> }
