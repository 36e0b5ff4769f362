/**
 * A plugin of typedoc: `@property name text` in the comment of a union of object types is for the property of
 * that name in every member. typedoc itself knows the tag for single object types only. A tag that no member
 * has a use for is told, so that the comment can't outlive what it describes.
 */
import { Comment, Converter, ReflectionKind } from 'typedoc'

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project, logger }) => {
    for (const alias of project.getReflectionsByKind(ReflectionKind.TypeAlias)) {
      if (alias.type?.type !== 'union' || alias.comment === undefined) continue
      const members = alias.type.types.filter(({ type }) => type === 'reflection')
      for (const { name, content } of alias.comment.getTags('@property')) {
        const properties = members.map((member) => member.declaration.getChildByName(name))
        if (properties.every((property) => property === undefined))
          logger.warn(`${alias.getFriendlyFullName()}: no member has a property ${name}`)
        for (const property of properties)
          if (property !== undefined)
            property.comment ??= new Comment(Comment.cloneDisplayParts(content))
      }
      alias.comment.removeTags('@property')
    }
  })
}
